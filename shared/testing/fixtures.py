"""Fixtures for every service's tests: a signer, peers, the service itself and its outbox.

A service's `conftest.py` provides `build_service`; the rest is here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from shared.db import Database
from shared.messaging.tables import outbox
from shared.testing.peers import Peers
from shared.testing.postgres import NoPostgres, PostgresServer, postgres_server
from shared.testing.processes import NatsServer, nats_server
from shared.testing.promises import Promises
from shared.testing.tokens import Signer

HOST = "http://mlsploit.test"
SQLITE = "sqlite"
POSTGRES = "postgres"
Published = Callable[[], Awaitable[list[tuple[str, dict[str, Any]]]]]


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def peers(signer: Signer) -> Peers:
    """Knows the signer's public keys, as the users service would give them, and nothing else."""
    played = Peers()
    played.answer("GET", "http://users:8000/auth/jwks.json", json=signer.jwks())
    return played


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Started by the first test that asks for it; skipped, in words, where there is none."""
    try:
        with postgres_server() as server:
            yield server
    except NoPostgres as reason:
        pytest.skip(str(reason))


@pytest.fixture(params=[SQLITE, POSTGRES])
async def database_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `build_service` passes on: every service keeps its promises on both databases."""
    if request.param == SQLITE:
        return ""
    server: PostgresServer = request.getfixturevalue("postgres")
    name = request.path.parents[1].name
    url = await server.empty_database(name)
    # For the commands of administrators, which read the environment.
    monkeypatch.setenv(f"MLSPLOIT_{name.upper()}_DATABASE_URL", url)
    return url


@pytest.fixture
async def app(
    build_service: Callable[[Path, Peers], FastAPI], tmp_path: Path, peers: Peers
) -> AsyncIterator[FastAPI]:
    """The service, started: its own database, its own migrations, no broker."""
    built = build_service(tmp_path, peers)
    async with built.router.lifespan_context(built):
        yield built


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Fails the test on any answer that the service's own document does not promise."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    hooks: dict[str, list[Callable[..., Any]]] = {"response": [Promises(app)]}
    async with httpx.AsyncClient(transport=transport, base_url=HOST, event_hooks=hooks) as opened:
        yield opened


@pytest.fixture
def database(app: FastAPI) -> Database:
    found: Database = app.state.database
    return found


@pytest.fixture
def published(database: Database) -> Published:
    """What waits in the outbox, in order: subject and payload's `data` (or the bare payload)."""

    async def read() -> list[tuple[str, dict[str, Any]]]:
        async with database.reading() as session:
            rows = (await session.execute(select(outbox).order_by(outbox.c.position))).all()
        payloads = [(row.subject, orjson.loads(row.payload)) for row in rows]
        return [
            (subject, payload["data"] if isinstance(payload, dict) else payload)
            for subject, payload in payloads
        ]

    return read


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with nats_server(tmp_path / "nats") as server:
        yield server
