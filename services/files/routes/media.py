"""`/media/files/`: the content of a file, for whoever has its link; no header is asked for."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.files import queries, serving
from services.files.dependencies import MediaLinksDep, StoreDep
from shared.db import DatabaseDep
from shared.errors import NotFound
from shared.openapi import Detail

router = APIRouter(prefix="/media/files", tags=["media"])

# Generated clients know bytes by the first; what is really sent says more.
CONTENT = {
    kind: {"schema": {"type": "string", "format": "binary"}}
    for kind in ("application/octet-stream", "*/*")
}
ETAG = {"ETag": {"$ref": "#/components/headers/ETag"}}
BYTES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "All of it, with the type that its name says.",
        "content": CONTENT,
        "headers": ETAG,
    },
    206: {"description": "The range that was asked for.", "content": CONTENT, "headers": ETAG},
    304: {"description": "Not changed since.", "headers": ETAG},
    416: {"description": "It has no such range.", "model": Detail},
}


@router.get("/{link}/{name}", response_class=Response, responses=BYTES)
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
    return await serving.answer(request.headers, store, blob, is_head=is_head)
