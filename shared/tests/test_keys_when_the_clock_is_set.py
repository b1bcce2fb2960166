"""A key is one request's at a time, whatever the clock says; that only tells who is late."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import update

from shared.clock import utc_now
from shared.db import Database
from shared.messaging.tables import idempotency_keys
from shared.testing.eventually import eventually
from shared.testing.peers import Peers
from shared.testing.tokens import Signer
from shared.tests.library import BOOKS, build_library, shelf, titles_in

BOOK = {"title": "a"}


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    return partial(build_library, database_url=database_url)


@pytest.fixture
def writer(client: httpx.AsyncClient, signer: Signer) -> httpx.AsyncClient:
    client.headers.update(signer.headers() | {"Idempotency-Key": "k-1"})
    return client


async def are_at_work(count: int) -> bool:
    return shelf.waiting == count


async def test_a_claim_made_before_the_clock_was_set_back_ends_too(
    writer: httpx.AsyncClient, database: Database
) -> None:
    await writer.post(BOOKS, json=BOOK)
    async with database.transaction() as session:
        values = {"status": None, "expires_at": utc_now() + timedelta(hours=1)}
        await session.execute(update(idempotency_keys).values(values))
    assert (await writer.post(BOOKS, json=BOOK)).status_code == 201


async def test_who_stood_still_for_too_long_or_by_the_clock_does_nothing_a_second_time(
    writer: httpx.AsyncClient, database: Database
) -> None:
    shelf.open = asyncio.Event()
    shelf.waiting = 0
    late = asyncio.create_task(writer.post(BOOKS, json=BOOK))
    await eventually(partial(are_at_work, 1))
    async with database.transaction() as session:
        past = utc_now() - timedelta(hours=1)
        await session.execute(update(idempotency_keys).values(expires_at=past))
    other = asyncio.create_task(writer.post(BOOKS, json=BOOK))

    await eventually(partial(are_at_work, 2))
    shelf.open.set()

    refused, done = sorted(await asyncio.gather(late, other), key=lambda each: -each.status_code)
    assert (refused.status_code, refused.headers["retry-after"]) == (409, "1")
    assert done.status_code == 201
    async with database.reading() as session:
        assert list(await titles_in(session)) == [BOOK["title"]]
    assert (await writer.post(BOOKS, json=BOOK)).json() == done.json()
