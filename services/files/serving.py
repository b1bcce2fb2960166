"""Answers with a blob: all of it, a range, the headers only, or 304 when the client has it.

A blob that is lost is found out before the answer begins, so it never ends in the middle.
"""

from collections.abc import Mapping
from typing import Any

import structlog
from sqlalchemy import Row
from starlette.responses import Response, StreamingResponse

from services.files import media
from services.files.errors import ContentLost
from services.files.storage.interface import BlobMissing, BlobStore
from shared.answers import json_response

log = structlog.get_logger(__name__)


async def answer(
    asked: Mapping[str, str], store: BlobStore, blob: Row[Any], *, is_head: bool
) -> Response:
    headers = media.headers(blob.name, blob.sha256)
    if media.is_known(asked.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    try:
        portion = media.portion_wanted(asked, blob.size, headers["ETag"])
    except media.NotSatisfiable:
        ends = {"Content-Range": f"bytes */{blob.size}"}
        return json_response({"detail": "Range not satisfiable."}, status=416, headers=ends)
    headers["Content-Length"] = str(portion.stop - portion.start)
    status = 200 if portion.is_whole else 206
    if not portion.is_whole:
        headers["Content-Range"] = portion.content_range()
    if is_head:
        return Response(status_code=status, headers=headers)
    try:
        chunks = await store.open(blob.blob_key, start=portion.start, stop=portion.stop)
    except BlobMissing:
        log.exception("blob_lost", key=blob.blob_key)
        raise ContentLost from None
    return StreamingResponse(chunks, status_code=status, headers=headers)
