"""Readiness says what cannot be done now; what can be read is served meanwhile."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from shared.db import Database
from shared.testing.disks import fill, small_disk
from shared.testing.eventually import eventually
from shared.testing.fixtures import POSTGRES
from shared.testing.peers import Peers
from shared.testing.tokens import Signer
from shared.tests.ledger import ledger, notes_in, write_notes
from shared.tests.library import BOOKS, build_library

MEBIBYTE = 1024 * 1024


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    return partial(build_library, database_url=database_url)


@asynccontextmanager
async def asking(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://library.test") as client:
        yield client


async def readiness(client: httpx.AsyncClient) -> tuple[int, dict[str, Any]]:
    answer = await client.get("/readyz")
    return answer.status_code, answer.json()["checks"]


@pytest.mark.attack
async def test_a_full_disk_is_told_before_anybody_meets_it_and_so_is_its_end(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", size_bytes=2 * MEBIBYTE) as disk:
        async with ledger(disk, "ledger", "") as app, asking(app) as client:
            database: Database = app.state.database
            await write_notes(database, "before")
            assert await readiness(client) == (200, {"database": "ok", "writing": "ok"})

            filler = fill(disk)
            status, checks = await readiness(client)
            assert (status, checks["database"]) == (503, "ok")
            assert checks["writing"] == "failed: database or disk is full"
            # Balancers go by this: every replica still serves what is read.
            assert (await client.get("/livez")).status_code == 200
            assert await notes_in(database) == ["before"]

            filler.unlink()
            assert await readiness(client) == (200, {"database": "ok", "writing": "ok"})


@pytest.mark.parametrize("database_url", [POSTGRES], indirect=True)
async def test_a_server_that_only_reads_is_told_and_refuses_for_now(
    client: httpx.AsyncClient, signer: Signer, database_url: str
) -> None:
    client.headers.update(signer.headers())
    assert (await client.post(BOOKS, json={"title": "a"})).status_code == 201
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    name = await connection.fetchval("SELECT quote_ident(current_database())")

    async def only_reads(setting: str) -> None:
        await connection.execute(f"ALTER DATABASE {name} {setting}")
        await connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await eventually(has_heard_of_it)

    async def has_heard_of_it() -> bool:
        """Until the end of a connection has arrived, there is an error in its place."""
        return bool((await readiness(client))[1]["database"] == "ok")

    await only_reads("SET default_transaction_read_only = on")
    try:
        status, checks = await readiness(client)
        assert (status, checks["database"]) == (503, "ok")
        assert "read-only transaction" in checks["writing"]
        refused = await client.post(BOOKS, json={"title": "b"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert [book["title"] for book in (await client.get(BOOKS)).json()] == ["a"]
    finally:
        await connection.execute("SET default_transaction_read_only = off")
        await only_reads("RESET default_transaction_read_only")
        await connection.close()

    assert await readiness(client) == (200, {"database": "ok", "writing": "ok"})
    assert (await client.post(BOOKS, json={"title": "b"})).status_code == 201


async def test_a_file_that_only_reads_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ledger(tmp_path, "ledger", "") as app, asking(app) as client:
        database: Database = app.state.database
        await write_notes(database, "before")
        only_reads = Database(f"{database.url}?mode=ro&uri=true".replace(":////", ":///file:/"))
        monkeypatch.setattr(app.state, "database", only_reads)
        monkeypatch.setattr(only_reads, "is_in_doubt", True)

        status, checks = await readiness(client)

        assert (status, checks["database"]) == (503, "ok")
        assert checks["writing"] == "failed: attempt to write a readonly database"
        await only_reads.close()


async def test_asking_writes_nothing_unless_there_is_doubt(
    client: httpx.AsyncClient, database: Database
) -> None:
    before = await database.version()
    assert await readiness(client) == (200, {"database": "ok", "writing": "ok"})
    assert await database.version() == before

    database.is_in_doubt = True
    assert await readiness(client) == (200, {"database": "ok", "writing": "ok"})
    assert await database.version() != before
    assert not database.is_in_doubt
