"""Where a request comes from, as far as that can be believed (pure).

The gateway writes `X-Forwarded-For` anew for strangers and appends to what trusted proxies say. So
the last address that is no trusted proxy is the client's; what stands before it is its own word.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network

# One customer of a provider has all of these.
IPV6_PREFIX = 64
UNREADABLE_LENGTH_MAX = 45


def networks(setting: str) -> list[Network]:
    """Of a value of MLSPLOIT_TRUSTED_PROXIES; ValueError for what is no address or network."""
    return [ip_network(each.strip(), strict=False) for each in setting.split(",") if each.strip()]


def client_address(forwarded_for: str, peer: str, trusted: Sequence[Network]) -> str:
    """What one client is counted by."""
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()] or [peer]
    strangers = [hop for hop in hops if not _is_in(hop, trusted)]
    return _whole(strangers[-1] if strangers else hops[0])


def _is_in(hop: str, trusted: Sequence[Network]) -> bool:
    try:
        return any(ip_address(hop) in network for network in trusted)
    except ValueError:
        return False


def _whole(hop: str) -> str:
    try:
        address = ip_address(hop)
    except ValueError:
        return hop[:UNREADABLE_LENGTH_MAX]
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address) >> 64 << 64, IPV6_PREFIX)))
    return str(address)
