"""Which tokens are in use, told to `users` once a minute, so that their owners can see it.

Best effort: lost when nobody listens, and it costs a request no more than an entry in a set.
"""

import asyncio

import orjson

from shared.auth import TokenVerifier
from shared.messaging.broker import Broker

TOKENS_USED = "mlsploit.tokens.used"
TELL_SECONDS = 60.0
# NATS refuses messages of more than a mebibyte; an id has 32 characters.
IDS_PER_MESSAGE_MAX = 10_000


async def tell_used_tokens(verifier: TokenVerifier, broker: Broker) -> None:
    while True:
        await asyncio.sleep(TELL_SECONDS)
        used = sorted(verifier.take_used())
        for at in range(0, len(used), IDS_PER_MESSAGE_MAX):
            await broker.tell(TOKENS_USED, orjson.dumps(used[at : at + IDS_PER_MESSAGE_MAX]))
