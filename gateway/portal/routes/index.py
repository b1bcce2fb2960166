"""`/api/v1/`: the names of the eight collections, in the order that clients know."""

from fastapi import APIRouter
from starlette.responses import Response

from shared.answers import json_response
from shared.auth import CallerDep
from shared.hyperlinks import HyperlinksDep

router = APIRouter(tags=["index"])

COLLECTIONS = (
    "modules",
    "functions",
    "users",
    "files",
    "pipelines",
    "tasks",
    "runs",
    "jobs",
)


@router.get("/api/v1/")
async def read_index(_caller: CallerDep, links: HyperlinksDep) -> Response:
    """Where each collection is, on the host that you used."""
    return json_response({name: links.collection(name) for name in COLLECTIONS})
