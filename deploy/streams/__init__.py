"""The streams of NATS onto more of its servers: `spreadstreams`, and `takestreams` from a lone one.

Services leave streams as they find them, and none of them has the right to change one. On a NATS
with accounts these commands are the operator's (deploy/nats/nats.conf).
"""

COMMANDS = ("spreadstreams", "takestreams")
