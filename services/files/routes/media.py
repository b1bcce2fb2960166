"""`/media/files/`: the content of a file, for whoever has its link; no header is asked for."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import APIRouter, Request
from sqlalchemy import Row
from starlette.responses import Response, StreamingResponse

from services.files import media, queries
from services.files.dependencies import MediaLinksDep, StoreDep
from services.files.storage.interface import BlobMissing, BlobStore
from shared.answers import json_response
from shared.db import DatabaseDep
from shared.errors import NotFound

router = APIRouter(prefix="/media/files", tags=["media"])
log = structlog.get_logger(__name__)


@router.get("/{link}/{name}", response_class=Response)
async def read_blob(
    link: str,
    name: str,
    request: Request,
    links: MediaLinksDep,
    database: DatabaseDep,
    store: StoreDep,
) -> Response:
    """A range, all of it, or 304 when the client has it already."""
    # The transaction ends before the bytes go out: a slow reader must hold nothing.
    async with database.reading() as session:
        blob = await queries.find_blob(session, links.file_id(link) or 0)
    if blob is None or blob.name != name:
        raise NotFound
    is_head = bool(request.scope.get("is_head"))
    return await _answer(request.headers, store, blob, is_head=is_head)


async def _answer(
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
        raise NotFound from None
    return StreamingResponse(chunks, status_code=status, headers=headers)
