"""What settings say of hosts and addresses, judged at the start instead of at the first request."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from starlette.types import Scope

Network = IPv4Network | IPv6Network
ADDRESS_CHARACTERS_MAX = 64

LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?"
# A name, one with a dot before it for all below it, or an address; never a scheme, path or port.
HOST = re.compile(rf"\.?{LABEL}(\.{LABEL})*\.?|\[[0-9a-f:.]+\]", re.IGNORECASE)


def words(setting: str) -> list[str]:
    """The parts of a comma list."""
    return [part.strip() for part in setting.split(",") if part.strip()]


def host_names(setting: str) -> str:
    for name in words(setting):
        if name != "*" and not HOST.fullmatch(name):
            raise ValueError(
                f"{name!r} is no host name: write names such as api.example.org, without scheme, "
                "port or path, .example.org for all below it, or * for any"
            )
    if not words(setting):
        raise ValueError("names no host, so nothing would be answered; * stands for any")
    return setting


def is_among(name: str, allowed: frozenset[str]) -> bool:
    """Whether a host, without its port, is one of these names or below one that has a dot first."""
    name = name.removesuffix(".")
    below = (one for one in allowed if one.startswith("."))
    return name in allowed or any(f".{name}".endswith(one) for one in below)


def client_address(scope: Scope, forwarded_for: str, trusted: Sequence[Network]) -> str:
    """Who sent the request to the first machine that we trust; anybody wrote what stands before.

    The last hop is what the gateway saw; without any, the request came past the gateway.
    """
    hops = words(forwarded_for)
    while len(hops) > 1 and _is_in(hops[-1], trusted):
        hops.pop()
    if hops:
        return hops[-1][:ADDRESS_CHARACTERS_MAX]
    return scope["client"][0] if scope.get("client") else ""


def _is_in(text: str, known: Sequence[Network]) -> bool:
    try:
        return any(ip_address(text) in network for network in known)
    except ValueError:
        return False
