"""`/api/v1/events/`: what changes, as it changes."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.runs.dependencies import HubDep, Reader, SettingsDep
from services.runs.live.documents import RESPONSES
from services.runs.live.requests import PARAMETERS, read_follower
from services.runs.live.stream import EventStream
from shared.db import DatabaseDep
from shared.hyperlinks import HyperlinksDep

router = APIRouter(prefix="/api/v1/events", tags=["events"])


@router.get(
    "/",
    status_code=200,
    response_class=EventStream,
    responses=RESPONSES,
    openapi_extra=PARAMETERS,
)
async def follow_events(
    request: Request,
    caller: Reader,
    hub: HubDep,
    database: DatabaseDep,
    links: HyperlinksDep,
    settings: SettingsDep,
) -> Response:
    """Changes of your runs and jobs, and their logs as they grow: server-sent events."""
    follower = await read_follower(request, caller, database)
    return EventStream(follower, hub=hub, database=database, links=links, settings=settings)
