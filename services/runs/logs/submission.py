"""A piece of a log as it comes: in a body of fields, or as plain text, which costs least to send.

Plain text is stored as UTF-8, byte for byte; a byte that no text may have becomes `?`, so that
offsets count the same on both sides. A character that the end of a piece cuts in two is left for
the next piece: the answer's offset says where to go on.
"""

import codecs
from typing import Annotated, Any

from fastapi import Depends, Request

from services.runs.schemas import LogAppend
from shared.bodies import Submission, accepts, read_bytes, read_submission

PLAIN_TEXT = "text/plain"
LEASE_HEADER = "X-Lease"
# More at once must be held in memory at once.
PLAIN_BYTES_MAX = 1024 * 1024
REPLACEMENT = "?"
UNTEXTUAL = "mlsploit-untextual"


def _as_many_replacements(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return REPLACEMENT * (error.end - error.start), error.end


codecs.register_error(UNTEXTUAL, _as_many_replacements)


def text_of(raw: bytes) -> str:
    """As many bytes of text as came, less what may become a character with the next piece."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors=UNTEXTUAL)
    text = decoder.decode(raw) or decoder.decode(b"", final=True)
    return text.replace("\0", REPLACEMENT)


async def _read(request: Request) -> Submission:
    """Judged later, like every body: what is missing is then a field that is missing."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != PLAIN_TEXT:
        return await read_submission(request)
    text = text_of(await read_bytes(request, limit=PLAIN_BYTES_MAX))
    fields = [("text", text)]
    if (lease := request.headers.get(LEASE_HEADER)) is not None:
        fields.append(("lease", lease))
    if (offset := request.query_params.get("offset")) is not None:
        fields.append(("offset", offset))
    return Submission(form=list(fields))


LogSubmissionDep = Annotated[Submission, Depends(_read)]


def accepts_log() -> dict[str, Any]:
    """`openapi_extra` of the route that takes either form."""
    extra = accepts(LogAppend)
    extra["requestBody"]["content"][PLAIN_TEXT] = {"schema": {"type": "string"}}
    of_plain_text = "For a body of plain text."
    extra["parameters"] = [
        {
            "name": "offset",
            "in": "query",
            "description": of_plain_text,
            "schema": {"type": "integer", "minimum": 0},
        },
        {
            "name": LEASE_HEADER,
            "in": "header",
            "description": of_plain_text,
            "schema": {"type": "string"},
        },
    ]
    return extra
