"""A log as plain text, to the byte, while it grows: all of it, or from where one is.

A few pieces are read at a time, each time in a transaction of its own, so that a slow reader holds
up nobody and no log has to fit into memory.
"""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response, StreamingResponse

from services.runs.logs import queries
from services.runs.rows.holding import JobRow
from shared.answers import json_response
from shared.db import Database
from shared.errors import InvalidFields

RANGE = re.compile(r"bytes=(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})", re.I)
OFFSET = re.compile(r"[0-9]{1,18}")
MEDIA_TYPE = "text/plain; charset=utf-8"
# What the document of the API says of the answers that it does not know by itself.
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The text.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    206: {
        "description": "The part that `Range` asks for.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    },
    304: {"description": "The client has it already, with this `ETag`."},
    416: {"description": "`Range` begins behind the end; `Content-Range` says where that is."},
}
PARAMETERS = {
    "parameters": [
        {
            "name": "offset",
            "in": "query",
            "description": "How many bytes the client has already.",
            "schema": {"type": "integer", "minimum": 0},
        },
        {
            "name": "Range",
            "in": "header",
            "description": "The same, as HTTP has it: `bytes=1000-`.",
            "schema": {"type": "string"},
        },
        {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}},
    ]
}


class LogReplaced(Exception):
    """What is being read is no more; the answer ends early, which its length gives away."""


@dataclass(frozen=True)
class Portion:
    """Bytes `start` to before `stop` of a log of `size`."""

    start: int
    stop: int
    size: int

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def answer(
    database: Database, job: JobRow, asked: Mapping[str, str], offset: str | None
) -> Response:
    size = job.log_bytes or 0
    etag = f'"{job.id}-{job.log_edition}-{size}"'
    headers = {"ETag": etag, "Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}
    if etag in asked.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    part = _part_wanted(asked, size, etag)
    if part is not None and part.start >= size:
        ends = headers | {"Content-Range": f"bytes */{size}"}
        return json_response({"detail": "Range not satisfiable."}, status=416, headers=ends)
    portion = part or Portion(min(_offset_wanted(offset), size), size, size)
    headers["Content-Length"] = str(portion.stop - portion.start)
    if part is not None:
        headers["Content-Range"] = part.content_range
    return StreamingResponse(
        _stream(database, job, portion),
        status_code=200 if part is None else 206,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def _part_wanted(asked: Mapping[str, str], size: int, etag: str) -> Portion | None:
    """One range with a beginning; RFC 9110 lets a server ignore those it does not understand."""
    match = RANGE.fullmatch(asked.get("range", "").replace(" ", ""))
    if match is None or asked.get("if-range", etag) != etag:
        return None
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else max(first, size)
    return None if last < first else Portion(first, min(last + 1, size), size)


def _offset_wanted(text: str | None) -> int:
    if text and not OFFSET.fullmatch(text):
        raise InvalidFields.of_field("offset", "A valid integer is required.")
    return int(text or 0)


async def _stream(database: Database, job: JobRow, portion: Portion) -> AsyncIterator[bytes]:
    position = portion.start
    while position < portion.stop:
        async with database.reading() as session:
            chunks = await queries.list_chunks(session, job.id, position, edition=job.log_edition)
        if not chunks:
            raise LogReplaced
        for chunk in chunks:
            piece = chunk.text.encode()[position - chunk.start : portion.stop - chunk.start]
            if piece:
                yield piece
            position += len(piece)
