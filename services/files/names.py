"""File names: out of a part's header, and made safe to keep for ever (pure).

A name is kept as it was sent, but for directories and control characters. It is data only: blobs
are stored under keys of our own.
"""

import html
import re
import unicodedata
from urllib.parse import quote, unquote_to_bytes

from python_multipart.multipart import parse_options_header

NAME_BYTES_MAX = 255

# RFC 5987. RFC 7578 forbids it in forms, but clients send it (Python's `requests` did), and the
# parser of our library skips it.
_EXTENDED = re.compile(
    rb"""filename\*\s*=\s*"?(?P<charset>[\w-]+)'[^']*'(?P<text>[^;"\s]+)""", re.I
)
_HAS_FILE_NAME = re.compile(rb";\s*filename\*?\s*=", re.I)


def field_name(disposition: bytes) -> str | None:
    _, options = parse_options_header(disposition)
    name = options.get(b"name")
    return None if name is None else _decoded(name)


def file_name(disposition: bytes) -> str | None:
    """The base name of a part that is a file; None when the part is a text field.

    Empty when nothing is left of it: a browser sends that when no file was chosen.
    """
    if not _HAS_FILE_NAME.search(disposition):
        return None
    extended = _EXTENDED.search(disposition)
    if extended:
        sent = _decoded(unquote_to_bytes(extended["text"]), extended["charset"].decode())
    else:
        _, options = parse_options_header(disposition)
        sent = _decoded(options.get(b"filename", b""))
    return base_name(sent)


def base_name(sent: str) -> str:
    text = html.unescape(sent)
    text = re.split(r"[/\\]", text)[-1]
    text = "".join(each for each in text if unicodedata.category(each) != "Cc").strip()
    return "" if text in (".", "..") else text


def too_long(name: str) -> str | None:
    """What is wrong with a name's length, if anything."""
    size = len(name.encode())
    if size <= NAME_BYTES_MAX:
        return None
    return f"Ensure this file name has at most {NAME_BYTES_MAX} bytes (it has {size})."


def content_disposition(kind: str, name: str) -> str:
    """RFC 6266: an ASCII name for old clients, the real one for the rest."""
    plain = re.sub(r"[^ !#$&+\-.^_`|~0-9A-Za-z()\[\]{},=@]", "_", name)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _decoded(raw: bytes, charset: str = "utf-8") -> str:
    try:
        return raw.decode(charset)
    except (UnicodeDecodeError, LookupError):
        return raw.decode("latin-1")
