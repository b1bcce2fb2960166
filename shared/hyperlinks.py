"""References between things: absolute URLs out, ids in.

URLs are built from the host the client used, because clients compare them as strings. A reference
sent in may name any host, or none: only its path counts.
"""

import re
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from fastapi import Depends, Path, Request

from shared.clients.resources import RESOURCES
from shared.errors import LINK_MISSING

API_PREFIX = "/api/v1/"
ID_MAX = 2**63 - 1
NO_MATCH = "Invalid hyperlink - No URL match."
WRONG_MATCH = "Invalid hyperlink - Incorrect URL match."

# A suffix that named a format is no part of the reference.
_SUFFIX = r"(?:/|\.[a-z0-9]+/?)"
_ITEM_PATH = re.compile(rf"/api/v1/(?P<resource>[a-z]+)(?:/(?P<id>[^/.]+))?{_SUFFIX}")
# Places that were there in the original, too, but hold no items.
_OTHER_PATHS = re.compile(
    r"/api/v1/|/auth/(?:login|logout|user|registration|password/(?:change|reset(?:/confirm)?))/"
)
# urlsplit would drop these silently, and find a reference where none was written.
_DROPPED_BY_URLSPLIT = re.compile(r"^[\x00-\x20]|[\t\r\n]")


class Hyperlinks:
    """Writes absolute URLs for one request's client."""

    def __init__(self, base: str):
        self.base = base

    def item(self, resource: str, item_id: int) -> str:
        return f"{self.base}{API_PREFIX}{resource}/{item_id}/"

    def maybe(self, resource: str, item_id: int | None) -> str | None:
        return None if item_id is None else self.item(resource, item_id)

    def path(self, path: str) -> str:
        return f"{self.base}{path}"


def parse_link(value: object, resource: str) -> int:
    """The id a reference names; ValueError with the contract's text when it names none."""
    if not isinstance(value, str):
        raise ValueError(f"Incorrect type. Expected URL string, received {type(value).__name__}.")
    path = _path_of(value)
    match = _ITEM_PATH.fullmatch(path)
    if match is None or match["resource"] not in RESOURCES:
        raise ValueError(WRONG_MATCH if _OTHER_PATHS.fullmatch(path) else NO_MATCH)
    if match["resource"] != resource or match["id"] is None:
        raise ValueError(WRONG_MATCH)
    number = parse_id(match["id"])
    if number is None:
        raise ValueError(LINK_MISSING)
    return number


def link_schema(resource: str) -> dict[str, Any]:
    """What `parse_link` takes, but for rarities such as an encoded path."""
    pattern = rf"^(https?://[^/?#]+)?{API_PREFIX}{resource}/[0-9]{{1,18}}/([?#].*)?$"
    # Without an example, pages and tools make one up from the pattern, and it is noise.
    return {
        "type": "string",
        "format": "uri-reference",
        "pattern": pattern,
        "examples": [f"{API_PREFIX}{resource}/1/"],
    }


def parse_id(text: str) -> int | None:
    """A decimal id within the database's range, or None."""
    if not (text.isascii() and text.isdigit()) or len(text) > 100:
        return None
    number = int(text)
    return number if 0 < number <= ID_MAX else None


def id_of(url: str) -> int:
    """The id at the end of an item url that one of our own services wrote."""
    return int(url.rstrip("/").rpartition("/")[2])


def _path_of(value: str) -> str:
    if _DROPPED_BY_URLSPLIT.search(value):
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    if parts.scheme not in ("", "http", "https") or (parts.scheme == "" and parts.netloc):
        return ""
    return unquote(parts.path)


async def hyperlinks(request: Request) -> Hyperlinks:
    """`X-Forwarded-*` is the gateway's word: no other way leads to a service."""
    headers = request.headers
    host = headers.get("x-forwarded-host") or headers.get("host", "")
    secure = request.app.state.settings.hosting_ssl_enabled
    scheme = headers.get("x-forwarded-proto", "http") if secure else "http"
    return Hyperlinks(f"{scheme}://{host}")


# An id in a path; what is no id names nothing, so it answers 404 (shared/responders.py).
PathId = Annotated[int, Path(ge=1, le=ID_MAX)]
HyperlinksDep = Annotated[Hyperlinks, Depends(hyperlinks)]
