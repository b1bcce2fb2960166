"""An administrator who changes something is noted, in the transaction that changes it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from shared import audit
from shared.db import Database
from shared.messaging.tables import audit_log
from shared.testing.peers import Peers
from shared.testing.tokens import Signer
from shared.tests.library import BOOKS, add_books, build_library

Headers = dict[str, str]


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    return partial(build_library, database_url=database_url)


async def noted(database: Database) -> list[dict[str, Any]]:
    async with database.reading() as session:
        rows = await session.execute(select(audit_log).order_by(audit_log.c.id))
        return [dict(row._mapping) for row in rows]


@pytest.fixture
def admin(signer: Signer) -> Headers:
    return {
        **signer.headers(9, is_staff=True),
        "X-Request-ID": "r-9",
        "X-Forwarded-For": "made up, 203.0.113.9",
    }


async def test_a_change_is_noted_with_who_what_from_where_and_the_request(
    client: httpx.AsyncClient,
    database: Database,
    admin: Headers,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with database.transaction() as session:
        await add_books(session, "a")

    answer = await client.patch(f"{BOOKS}1/", json={"title": "b"}, headers=admin)

    [line] = await noted(database)
    assert answer.status_code == 200
    assert line.pop("at") is not None
    assert line == {
        "id": 1,
        "actor": "user9 (user 9)",
        "action": "change_book",
        "target": f"{BOOKS}1/",
        "client": "203.0.113.9",
        "request_id": "r-9",
    }
    [told] = [record for record in caplog.records if record.name == "audit"]
    assert "'event': 'change_book'" in told.getMessage()


async def test_what_was_refused_or_rolled_back_is_not_noted(
    client: httpx.AsyncClient, database: Database, admin: Headers
) -> None:
    unreadable = await client.post(BOOKS, json={"title": "unreadable"}, headers=admin)
    never = await client.post(BOOKS, json={"title": "never"}, headers=admin)
    absent = await client.delete(f"{BOOKS}7/", headers=admin)

    assert [one.status_code for one in (unreadable, never, absent)] == [400, 409, 404]
    assert await noted(database) == []


async def test_a_request_with_a_key_is_noted_once_and_a_refused_one_not_at_all(
    client: httpx.AsyncClient, database: Database, admin: Headers
) -> None:
    headers = {**admin, "Idempotency-Key": "k-1"}
    for _ in range(2):
        await client.post(BOOKS, json={"title": "a"}, headers=headers)
    other = {**admin, "Idempotency-Key": "k-2"}
    await client.post(BOOKS, json={"title": "unreadable"}, headers=other)

    assert [line["action"] for line in await noted(database)] == ["create_book"]


async def test_what_commits_several_times_is_noted_with_the_first_that_does(
    database: Database,
) -> None:
    audit.begin("ada", "try", "it")
    with pytest.raises(ZeroDivisionError):
        async with database.transaction():
            raise ZeroDivisionError
    for title in ("a", "b"):
        async with database.transaction() as session:
            await add_books(session, title)

    assert [line["action"] for line in await noted(database)] == ["try"]


async def test_people_workers_and_reads_are_not_noted(
    client: httpx.AsyncClient, database: Database, admin: Headers, signer: Signer
) -> None:
    worker = signer.headers(9, is_staff=True, scopes="books:write")
    await client.get(BOOKS, headers=admin)
    for headers in (signer.headers(), worker):
        assert (await client.post(BOOKS, json={"title": "a"}, headers=headers)).is_success
    # Nor what follows an administrator's request that changed nothing.
    await client.delete(f"{BOOKS}7/", headers=admin)
    assert (await client.post(BOOKS, json={"title": "a"}, headers=signer.headers())).is_success

    assert await noted(database) == []
