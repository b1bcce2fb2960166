"""All five services in one process, on one folder and one NATS: what kills one kills all."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
from fastapi import FastAPI
from nats.errors import Error as NatsError
from sqlalchemy import func, select

from crashes.points import ANSWER, Points
from services.files import main as files
from services.files import queries as files_queries
from services.files import sweeper as files_sweeper
from services.files.settings import FilesSettings
from services.modules import main as modules
from services.modules.settings import ModulesSettings
from services.pipelines import main as pipelines
from services.pipelines.settings import PipelinesSettings
from services.runs import main as runs
from services.runs.settings import RunsSettings
from services.users import main as users
from services.users.settings import UsersSettings
from shared import idempotency
from shared.events.streams import EVENTS_STREAM
from shared.messaging import consumer
from shared.messaging.tables import outbox
from shared.testing.eventually import eventually

URL = "http://mlsploit.test"
SECRET = "a secret of more than twenty-five characters"
BEHIND = {
    "users": ("/auth/", "/api/v1/users/"),
    "files": ("/media/", "/api/v1/files/"),
    "modules": ("/api/v1/modules/", "/api/v1/functions/"),
    "pipelines": ("/api/v1/pipelines/", "/api/v1/tasks/"),
    "runs": ("/api/v1/runs/", "/api/v1/jobs/"),
}


class Wires(httpx.AsyncBaseTransport):
    """The network between the services, by their names, and from clients, by the path."""

    def __init__(self, points: Points) -> None:
        self.apps: dict[str, FastAPI] = {}
        self._points = points

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = httpx.ASGITransport(self.apps[_name(request)], raise_app_exceptions=False)
        # As in another process: nothing that is bound to this request is known there.
        asking = transport.handle_async_request(request)
        answer = await asyncio.create_task(asking, context=contextvars.Context())
        self._points.reach(ANSWER)
        return answer


def _name(request: httpx.Request) -> str:
    if request.url.host in BEHIND:
        return request.url.host
    path = request.url.path
    return next(name for name, prefixes in BEHIND.items() if path.startswith(prefixes))


class House:
    """The running services, and how to talk to them."""

    def __init__(self, wires: Wires) -> None:
        self.apps = wires.apps
        self.client = httpx.AsyncClient(transport=wires, base_url=URL)

    async def is_at_rest(self) -> bool:
        """Everything that was told has left, and has been heard."""
        for app in self.apps.values():
            async with app.state.database.reading() as session:
                if await session.scalar(select(func.count()).select_from(outbox)):
                    return False
        try:
            jetstream = self.apps["users"].state.broker.jetstream
            consumers = await jetstream.consumers_info(EVENTS_STREAM)
        except NatsError:
            return False
        return all(each.num_pending == 0 and each.num_ack_pending == 0 for each in consumers)

    async def blob_faults(self) -> list[str]:
        app = self.apps["files"]
        async with app.state.database.reading() as session:
            wanted = {k for k, _ in (await files_queries.blobs_by_key(session)).items()}
            doomed = await files_queries.list_doomed_keys(session)
        stored = {key async for key, _ in app.state.store.sizes()}
        # An upload may have died in the middle; its row waits for its time.
        lost = [f"blob {key} is lost" for key in wanted - stored]
        return lost + [f"blob {key} belongs to nothing" for key in stored - wanted - doomed]


@asynccontextmanager
async def living(folder: Path, nats_url: str, points: Points) -> AsyncIterator[House]:
    # In earnest two seconds; fifteen until a killed request's key is free; and thirty until
    # what was delivered to the dead is delivered again.
    files_sweeper.LOOK_AGAIN_SECONDS = 0.05
    idempotency.CLAIM = timedelta(seconds=0.3)
    consumer.ACK_WAIT_SECONDS = 1
    wires = Wires(points)
    wires.apps.update(_built(folder, nats_url, wires))
    async with AsyncExitStack() as stack:
        for app in wires.apps.values():
            await stack.enter_async_context(app.router.lifespan_context(app))
        house = House(wires)
        stack.push_async_callback(house.client.aclose)
        await _wait_for_nats(wires.apps.values())
        yield house


def _built(folder: Path, nats_url: str, wires: Wires) -> dict[str, FastAPI]:
    known = {"data_dir": folder, "nats_url": nats_url, "log_level": "WARNING"}
    return {
        "users": users.build(
            UsersSettings.model_validate({**known, "api_secret_key": SECRET}), transport=wires
        ),
        "files": files.build(
            FilesSettings.model_validate({**known, "link_key": SECRET}), transport=wires
        ),
        "modules": modules.build(ModulesSettings.model_validate(known), transport=wires),
        "pipelines": pipelines.build(PipelinesSettings.model_validate(known), transport=wires),
        "runs": runs.build(RunsSettings.model_validate(known), transport=wires),
    }


async def _wait_for_nats(apps: Iterable[FastAPI]) -> None:
    for app in apps:
        await app.state.broker.ready.wait()
    for app in apps:
        await eventually(partial(_are_bound, app))


async def _are_bound(app: FastAPI) -> bool:
    """Only then does the end of all delivery mean that all was delivered."""
    jetstream = app.state.broker.jetstream
    durables = {f"{app.state.service.name}-{each.name}" for each in app.state.service.subscriptions}
    return durables <= {each.name for each in await jetstream.consumers_info(EVENTS_STREAM)}
