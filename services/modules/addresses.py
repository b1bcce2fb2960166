"""Which repositories a request may make this service fetch: public ones, by https or ssh.

The fetch is pinned to the address that was judged (shared/addresses.py), so a name that points
elsewhere a moment later changes nothing.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from services.modules.errors import RepositoryRefused
from shared.addresses import AddressRefused, judged_address

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
        address = await judged_address(host, port, is_private_allowed=is_private_allowed)
    except AddressRefused as refusal:
        raise RepositoryRefused(str(refusal)) from None
    return Pin(scheme, host, port, address)


def _parts(url: str) -> tuple[str, str, int]:
    if "://" not in url and (short := SSH_SHORTHAND.fullmatch(url)):
        return "ssh", short["host"], PORTS["ssh"]
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RepositoryRefused("that is no valid address") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise RepositoryRefused("only https and ssh addresses are registered by a request")
    return parts.scheme, parts.hostname, port or PORTS[parts.scheme]
