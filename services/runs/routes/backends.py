"""`/api/v1/backends/`: a backend says that it is there and what it does; who is there."""

from fastapi import APIRouter
from starlette.responses import Response

from services.runs.backends import presence
from services.runs.backends.queries import BACKEND_ORDERS
from services.runs.backends.schemas import BackendRead, BackendReport
from services.runs.dependencies import BackendPage, Executor, SettingsDep
from shared.answers import json_response
from shared.bodies import SubmissionDep, accepts
from shared.db import ReadSessionDep, SessionDep
from shared.hyperlinks import HyperlinksDep
from shared.openapi import list_parameters

router = APIRouter(prefix="/api/v1/backends", tags=["execution"])


@router.get(
    "/", response_model=list[BackendRead], openapi_extra=list_parameters(orders=BACKEND_ORDERS)
)
async def list_backends(
    caller: Executor,
    page: BackendPage,
    session: ReadSessionDep,
    links: HyperlinksDep,
    settings: SettingsDep,
) -> Response:
    """Who is there now: for administrators everybody, for others their own backends."""
    return page.answer(await presence.show_present(session, page, caller, links, settings))


@router.post("/", response_model=BackendRead, openapi_extra=accepts(BackendReport))
async def register_backend(
    caller: Executor,
    submission: SubmissionDep,
    session: SessionDep,
    links: HyperlinksDep,
    settings: SettingsDep,
) -> Response:
    """Here I am, for the next `seconds`; said again every third of that, and when it changes."""
    return json_response(await presence.register(session, submission, caller, links, settings))
