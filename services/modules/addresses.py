"""Which repositories a request may make this service fetch: public ones, by https or ssh.

Whoever can send a request must not reach through it what only this machine can reach. So the name
is looked up here, once, and the fetch is pinned to the address that was judged: a name that points
elsewhere a moment later changes nothing.
"""

import asyncio
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from services.modules.errors import RepositoryRefused

PORTS = {"https": 443, "ssh": 22}
SSH_SHORTHAND = re.compile(r"(?:[\w.-]+@)?(?P<host>[\w.-]+):(?!/).+")


@dataclass(frozen=True, slots=True)
class Pin:
    """A host, and the one address at which it is to be reached."""

    scheme: str
    host: str
    port: int
    address: str


async def pin_to_public(url: str, *, is_private_allowed: bool) -> Pin:
    """Where this repository is, or RepositoryRefused."""
    scheme, host, port = _parts(url)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RepositoryRefused(f"no machine is named {host!r}") from None
    addresses = [str(info[4][0]) for info in found]
    if not is_private_allowed and not all(map(_is_public, addresses)):
        raise RepositoryRefused(f"{host!r} is not a public address")
    return Pin(scheme, host, port, addresses[0])


def _parts(url: str) -> tuple[str, str, int]:
    if "://" not in url and (short := SSH_SHORTHAND.fullmatch(url)):
        return "ssh", short["host"], PORTS["ssh"]
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RepositoryRefused(f"{url!r} is no valid address") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise RepositoryRefused("only https and ssh addresses are registered by a request")
    return parts.scheme, parts.hostname, port or PORTS[parts.scheme]


def _is_public(text: str) -> bool:
    # An address of a link carries the link's name.
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast
