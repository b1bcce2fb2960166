"""`/api/v1/`: the names of the eight collections, in the order that clients know."""

from fastapi import APIRouter
from starlette.responses import Response

from shared.answers import json_response
from shared.auth import CallerDep
from shared.hyperlinks import API_PREFIX, HyperlinksDep
from shared.openapi import EXAMPLE_HOST, Answer, Url, shown_as

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


class Collections(Answer):
    model_config = shown_as(**{name: f"{EXAMPLE_HOST}/api/v1/{name}/" for name in COLLECTIONS})

    modules: Url
    functions: Url
    users: Url
    files: Url
    pipelines: Url
    tasks: Url
    runs: Url
    jobs: Url


@router.get("/api/v1/", response_model=Collections)
async def read_index(_caller: CallerDep, links: HyperlinksDep) -> Response:
    """Where each collection is, on the host that you used."""
    return json_response({name: links.path(f"{API_PREFIX}{name}/") for name in COLLECTIONS})
