"""`/internal/`: what other services ask; the gateway routes nothing here."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.users import queries
from services.users.dependencies import FilesWriter
from shared.answers import json_response
from shared.db import ReadSessionDep
from shared.lists import ids_wanted

router = APIRouter(prefix="/internal/users", include_in_schema=False)


@router.get("/")
async def list_users_that_exist(
    request: Request, caller: FilesWriter, session: ReadSessionDep
) -> Response:
    ids = ids_wanted(request.query_params, "id") or []
    rows = await queries.list_users(session, only_id=caller.only_owner, ids=ids)
    return json_response([{"id": row.id, "username": row.username} for row in rows])
