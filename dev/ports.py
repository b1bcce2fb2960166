"""Picks free ports, so that any number of systems can run side by side.

Invariant: a picked port is outside the range that the kernel hands to outgoing connections, so
nothing takes it by accident between the choice and the moment the process binds it.
"""

import random
import socket
from collections.abc import Iterator

LOOPBACK = "127.0.0.1"
PORTS_FIRST = 15000
PORTS_LAST = 32000


def is_free(port: int) -> bool:
    """Whether a server could bind the port right now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports() -> Iterator[int]:
    """Free ports without end, none of them twice."""
    candidates = list(range(PORTS_FIRST, PORTS_LAST))
    random.shuffle(candidates)
    return (port for port in candidates if is_free(port))
