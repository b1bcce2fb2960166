"""`/internal/`: what other services ask; the gateway routes nothing here."""

from fastapi import APIRouter
from starlette.responses import Response

from services.runs import queries
from services.runs.dependencies import FilesWriter
from shared.answers import json_response
from shared.db import ReadSessionDep

router = APIRouter(prefix="/internal/holders", include_in_schema=False)


@router.get("/")
async def find_holder(_caller: FilesWriter, session: ReadSessionDep, holder: str) -> Response:
    """Whether a run was made under this key. A key is random: knowing it is permission enough."""
    return json_response({"exists": await queries.holder_exists(session, holder)})
