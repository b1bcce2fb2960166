"""What an icon's address may look like: an image on a public host, as the web UI shows it."""

import ipaddress
import re
from urllib.parse import urlsplit

ICON_SUFFIXES = (".jpg", ".jpeg", ".png", ".svg")
ADDRESS_CHARACTERS_MAX = 2083

LABEL = re.compile(r"(?!-)[\w-]{1,63}(?<!-)")
TOP_LABEL = re.compile(r"[^\W\d_]{2,63}|xn--[a-z0-9-]{2,59}", re.IGNORECASE)


def fault_of_icon(address: str) -> str | None:
    """What is wrong with this address, or None."""
    if not _is_public_address(address.strip()):
        return "expected an http or https address of a public host"
    if not address.strip().endswith(ICON_SUFFIXES):
        return f"expected an address that ends in {', '.join(ICON_SUFFIXES)} (lower case)"
    return None


def _is_public_address(address: str) -> bool:
    if len(address) > ADDRESS_CHARACTERS_MAX or re.search(r"[\s\x00-\x1f\x7f]", address):
        return False
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and (_is_number(host) or _is_name(host))


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_name(host: str) -> bool:
    *labels, top = host.rstrip(".").split(".")
    return bool(
        labels and all(LABEL.fullmatch(label) for label in labels) and TOP_LABEL.fullmatch(top)
    )
