"""The runs service for its tests: real database and tokens; its neighbours are played."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.runs.live.testing import Running, serving
from services.runs.main import build
from services.runs.settings import RunsSettings
from services.runs.testing import Api, Neighbours
from services.runs.webhooks.delivering import deliver_some
from services.runs.webhooks.sending import open_client
from services.runs.webhooks.testing import Receiver, running_receiver
from shared.db import Database
from shared.testing.peers import Peers
from shared.testing.processes import NatsServer
from shared.testing.tokens import Signer

Deliver = Callable[[], Awaitable[None]]


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    def build_runs(folder: Path, peers: Peers) -> FastAPI:
        return build(
            RunsSettings(data_dir=folder, nats_url="", database_url=database_url), transport=peers
        )

    return build_runs


@pytest.fixture
def settings(app: FastAPI) -> RunsSettings:
    """Of the running service: a test may change them."""
    found: RunsSettings = app.state.settings
    return found


@pytest.fixture
def neighbours(peers: Peers) -> Neighbours:
    return Neighbours(peers)


@pytest.fixture
def api(client: httpx.AsyncClient, signer: Signer, neighbours: Neighbours) -> Api:
    return Api(client, signer, neighbours)


# Long enough that only a word from whoever committed can have woken a stream.
NO_LOOK_SECONDS = 3600.0
Replicas = Callable[..., AbstractAsyncContextManager[Running]]


@pytest.fixture
def replicas(
    tmp_path: Path,
    peers: Peers,
    signer: Signer,
    neighbours: Neighbours,
    nats: NatsServer,
    database_url: str,
) -> Replicas:
    """As many processes of the service as a test starts, on one database and one NATS."""

    @asynccontextmanager
    async def start(
        *, look_seconds: float = NO_LOOK_SECONDS, **changes: Any
    ) -> AsyncIterator[Running]:
        settings = RunsSettings(
            data_dir=tmp_path,
            nats_url=nats.url,
            database_url=database_url,
            live_look_seconds=look_seconds,
            **changes,
        )
        app = build(settings, transport=peers)
        async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
            yield Running(app, url, Api(client, signer, neighbours))

    return start


@pytest.fixture
async def running(replicas: Replicas) -> AsyncIterator[Running]:
    async with replicas() as one:
        yield one


@pytest.fixture
async def receiver(settings: RunsSettings) -> AsyncIterator[Receiver]:
    """A webhook's other end, on this machine, which the settings allow here."""
    settings.webhook_http_allowed = True
    settings.webhook_private_addresses_allowed = True
    async with running_receiver() as listening:
        yield listening


@pytest.fixture
async def deliver(database: Database, settings: RunsSettings) -> AsyncIterator[Deliver]:
    """Everything that is due now."""
    async with open_client() as sender:

        async def until_nothing_is_due() -> None:
            while await deliver_some(database, sender, settings):
                pass

        yield until_nothing_is_due
