"""How a blob is served: type, safety headers, conditions and ranges (pure).

User content never runs in our origin: it is sandboxed, never sniffed, and anything but plain
images and text is a download.
"""

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.files.names import content_disposition

INLINE_TYPES = frozenset(
    {
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/bmp",
        "image/x-ms-bmp",
        "text/plain",
        "text/csv",
        "application/json",
    }
)
# Of a compressed file the wrapping is its type: a guessed Content-Encoding would unwrap it.
WRAPPED_TYPES = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
}
OTHER_TYPE = "application/octet-stream"
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"

# Python's own table only: the machine's files differ from one machine to the next.
_TYPES = mimetypes.MimeTypes(filenames=())
_TYPES.add_type("image/webp", ".webp")  # Official since, but not in this Python's table.
_RANGE = re.compile(r"bytes=\s*(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})\s*", re.I)


class NotSatisfiable(Exception):
    """The range begins behind the end."""


@dataclass(frozen=True)
class Portion:
    """Bytes `start` to before `stop` of `size`."""

    start: int
    stop: int
    size: int

    @property
    def is_whole(self) -> bool:
        return self.stop - self.start == self.size

    def content_range(self) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def content_type(name: str) -> str:
    kind, wrapping = _TYPES.guess_type(f"x{name}")
    if wrapping is not None:
        return WRAPPED_TYPES.get(wrapping, OTHER_TYPE)
    return kind or OTHER_TYPE


def headers(name: str, sha256: str) -> dict[str, str]:
    kind = content_type(name)
    shown = "inline" if kind in INLINE_TYPES else "attachment"
    return {
        "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        "Content-Disposition": content_disposition(shown, name),
        "Content-Security-Policy": SANDBOX,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Accept-Ranges": "bytes",
        "ETag": f'"{sha256}"',
        # The bytes never change, but the file may be deleted: ask again, for a 304.
        "Cache-Control": "private, no-cache",
    }


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the client has these bytes already."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or etag in tags


def portion_wanted(request: Mapping[str, str], size: int, etag: str) -> Portion:
    """One range, or the whole: RFC 9110 lets a server ignore ranges that it does not understand."""
    whole = Portion(0, size, size)
    match = _RANGE.fullmatch(request.get("range", ""))
    if match is None or request.get("if-range", etag) != etag:
        return whole
    first, last = match["first"], match["last"]
    if not first and not last:
        return whole
    if not first:
        return _existing(size - min(int(last), size), size, size)
    if last and int(last) < int(first):
        return whole
    return _existing(int(first), min(int(last) + 1, size) if last else size, size)


def _existing(start: int, stop: int, size: int) -> Portion:
    if start >= size:
        raise NotSatisfiable
    return Portion(start, stop, size)
