"""Trouble that passes is no fault of ours: 503, and whoever asks again is served."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from socket import EAI_AGAIN, gaierror

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from shared import sqlite
from shared.db import Database
from shared.responders import add_responders
from shared.telemetry import configure_logging
from shared.testing.postgres import PostgresServer

Work = Callable[[], Awaitable[None]]


@pytest.fixture(autouse=True)
def logging_as_in_a_service() -> None:
    """The logging library's own way to show an error takes seconds."""
    configure_logging("away", "INFO")


@pytest.fixture
async def on_postgres(postgres: PostgresServer) -> AsyncIterator[Database]:
    database = Database(await postgres.empty_database("away"))
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE IF NOT EXISTS rows (id int PRIMARY KEY)"))
        await session.execute(text("INSERT INTO rows VALUES (1), (2)"))
    yield database
    await database.close()


async def answer_to(work: Work) -> httpx.Response:
    """What a request is answered whose route does this."""
    app = FastAPI()
    add_responders(app)
    app.add_api_route("/work", work)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://work.test") as client:
        return await client.get("/work")


def expect_to_be_asked_again(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.headers.get("retry-after")) == (503, "1"), answer.text


async def test_a_connection_that_is_cut_in_the_middle_asks_to_come_again(
    on_postgres: Database, postgres: PostgresServer
) -> None:
    async def work() -> None:
        async with on_postgres.transaction() as session:
            await session.execute(text("SELECT 1"))
            await postgres.empty_database("away")  # Ends every other connection.
            await session.execute(text("SELECT 1"))

    expect_to_be_asked_again(await answer_to(work))


async def test_a_database_whose_name_nobody_knows_just_now_asks_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As that of a container which is started again."""

    async def is_unknown(*_: object, **__: object) -> None:
        raise gaierror(EAI_AGAIN, "Temporary failure in name resolution")

    database = Database("postgresql+asyncpg://someone@database.invalid/away")
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", is_unknown)

    async def work() -> None:
        async with database.transaction() as session:
            await session.execute(text("SELECT 1"))

    expect_to_be_asked_again(await answer_to(work))
    await database.close()


async def test_one_of_two_that_wait_for_each_other_asks_to_come_again(
    on_postgres: Database,
) -> None:
    both = asyncio.Barrier(2)

    async def work(first: int, second: int) -> None:
        async with on_postgres.transaction() as session:
            for number in (first, second):
                statement = text("SELECT id FROM rows WHERE id = :number FOR UPDATE")
                await session.execute(statement, {"number": number})
                if number == first:
                    await both.wait()

    answers = await asyncio.gather(
        answer_to(partial(work, 1, 2)),
        answer_to(partial(work, 2, 1)),
    )

    served, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert served.status_code == 200
    expect_to_be_asked_again(refused)


async def test_a_file_that_another_process_keeps_locked_asks_to_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "WRITER_WAITS_SECONDS", 0.01)
    one, other = (Database(f"sqlite+aiosqlite:///{tmp_path}/rows.sqlite3") for _ in range(2))

    async def work() -> None:
        async with other.transaction() as session:
            await session.execute(text("CREATE TABLE rows (id int)"))

    async with one.transaction() as session:
        await session.execute(text("CREATE TABLE others (id int)"))
        refused = await answer_to(work)

    expect_to_be_asked_again(refused)
    assert (await answer_to(work)).status_code == 200
    for database in (one, other):
        await database.close()


async def test_a_statement_that_is_wrong_stays_a_fault(on_postgres: Database) -> None:
    async def work() -> None:
        async with on_postgres.reading() as session:
            await session.execute(text("SELECT nothing FROM nowhere"))

    assert (await answer_to(work)).status_code == 500
