"""Which machines may be reached on somebody's word: by default only those that anybody can reach.

Whoever names an address must not reach through us what only this machine can. So a name is looked
up here, once, and the caller connects to an address that was judged: a name that points elsewhere a
moment later changes nothing.
"""

import asyncio
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

# Addresses of IPv4 machines, as networks that have only IPv6 write them.
NAT64 = IPv6Network("64:ff9b::/96")


class AddressRefused(ValueError):
    """Said so that it can be passed on."""


async def judged_address(host: str, port: int, *, is_private_allowed: bool) -> str:
    """Where this host is; refused when any of its addresses is not public."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
    except (OSError, UnicodeError):
        raise AddressRefused(f"no machine is named {host!r}") from None
    if not is_private_allowed and not all(is_public(info[4][0]) for info in found):
        raise AddressRefused(f"{host!r} is not a public address")
    return str(found[0][4][0])


def is_public(text: str | int) -> bool:
    # An address of a link carries the link's name.
    address = ip_address(str(text).partition("%")[0])
    if isinstance(address, IPv6Address):
        # The IPv4 address, if any, at which a packet to this one ends.
        behind = IPv4Address(int(address) & 0xFFFFFFFF) if address in NAT64 else None
        address = behind or address.ipv4_mapped or address.sixtofour or address
    return address.is_global and not address.is_multicast
