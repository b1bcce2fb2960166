"""A service that nobody has thought of: it echoes bodies, and crashes when it is asked to."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import Response

from shared.answers import json_response
from shared.app import Service, create_app
from shared.auth import CallerDep
from shared.bodies import Body, SubmissionDep, accepts
from shared.fields import Flag, Links, Text
from shared.hyperlinks import HyperlinksDep
from shared.openapi import Answer, shown_as
from shared.settings import ServiceSettings
from shared.testing.peers import Peers

BODY_BYTES_MAX = 4 * 1024 * 1024


class Echo(Body):
    model_config = shown_as(name="hello")

    name: Annotated[str, Text()]
    loud: Annotated[bool, Flag(blank_form_is_absent=True)] = False
    files: Annotated[list[int], Links(to="files")] = []


class EchoRead(Answer):
    model_config = shown_as(name="hello", loud=True, files=[1])

    name: str
    loud: bool
    files: list[int]


router = APIRouter(prefix="/api/v1/echoes")


@router.post("/", response_model=EchoRead, openapi_extra=accepts(Echo))
async def create_echo(submission: SubmissionDep) -> Response:
    return json_response(submission.into(Echo).model_dump())


@router.get("/", response_model=dict[str, str])
async def list_echoes(_caller: CallerDep, links: HyperlinksDep) -> Response:
    return json_response({"base": links.base})


@router.get("/{echo_id}/", response_model=EchoRead)
async def read_echo(echo_id: int) -> Response:
    raise RuntimeError(f"the secret reason is {echo_id}")


@pytest.fixture
def build_service() -> Callable[[Path, Peers], FastAPI]:
    def build_echo(folder: Path, peers: Peers) -> FastAPI:
        settings = ServiceSettings(
            data_dir=folder,
            nats_url="",
            body_bytes_max=BODY_BYTES_MAX,
            body_idle_seconds=0.2,
            api_allowed_hosts="mlsploit.test,other.test,.wild.test,[::1]",
        )
        described = Service(
            name="echo", title="Echo", settings=settings, routers=(router,), migrations=None
        )
        return create_app(described, transport=peers)

    return build_echo
