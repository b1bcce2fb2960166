"""A poll of a list that has not changed costs no list; one that may have changed always does."""

import math
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from shared.auth import Revocations
from shared.db import Database
from shared.testing.peers import Peers
from shared.testing.tokens import Signer
from shared.tests.library import BOOKS, add_books, build_library, shelf


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    return partial(build_library, database_url=database_url)


@pytest.fixture
async def elsewhere(database: Database) -> AsyncIterator[Database]:
    """The same database as another process has it open."""
    opened = Database(database.url)
    yield opened
    await opened.close()


@pytest.fixture
async def reader(
    client: httpx.AsyncClient, signer: Signer, database: Database
) -> AsyncIterator[httpx.AsyncClient]:
    async with database.transaction() as session:
        await add_books(session, "first", "second")
    client.headers.update(signer.headers())
    shelf.lists_end_at = math.inf
    yield client
    shelf.lists_end_at = math.inf


async def poll(reader: httpx.AsyncClient, tag: str, address: str = BOOKS) -> tuple[int, int]:
    """The status, and how many lists were made for it."""
    before = shelf.lists_made
    answer = await reader.get(address, headers={"If-None-Match": tag})
    return answer.status_code, shelf.lists_made - before


async def first_tag(reader: httpx.AsyncClient, address: str = BOOKS) -> str:
    return (await reader.get(address)).headers["etag"]


@pytest.mark.parametrize("address", [BOOKS, f"{BOOKS}?limit=1"])
async def test_an_unchanged_list_is_not_made_again(reader: httpx.AsyncClient, address: str) -> None:
    tag = await first_tag(reader, address)

    assert await poll(reader, tag, address) == (304, 0)
    assert await poll(reader, f'"other", W/{tag}', address) == (304, 0)


async def test_the_short_answer_says_all_that_the_long_one_does(reader: httpx.AsyncClient) -> None:
    address = f"{BOOKS}?limit=1"
    first = await reader.get(address)
    again = await reader.get(address, headers={"If-None-Match": first.headers["etag"]})

    for name in ("etag", "link", "cache-control", "vary", "x-content-type-options"):
        assert again.headers[name] == first.headers[name]
    assert again.content == b""


async def test_a_change_by_anybody_makes_the_list_anew(
    reader: httpx.AsyncClient, elsewhere: Database
) -> None:
    tag = await first_tag(reader)
    async with elsewhere.transaction() as session:
        await add_books(session, "third")

    assert await poll(reader, tag) == (200, 1)


async def test_a_change_that_concerns_others_costs_one_list_and_no_more(
    reader: httpx.AsyncClient, elsewhere: Database
) -> None:
    address = f"{BOOKS}?limit=1&ordering=id"
    await reader.get(f"{BOOKS}?limit=1")
    tag = await first_tag(reader, address)
    link = (await reader.get(address)).headers["link"]
    async with elsewhere.transaction() as session:
        await add_books(session, "third")

    assert await poll(reader, tag, address) == (304, 1)
    assert await poll(reader, tag, address) == (304, 0)
    assert (await reader.get(address)).headers["link"] == link


async def test_a_change_that_is_rolled_back_changes_nothing(
    reader: httpx.AsyncClient, elsewhere: Database
) -> None:
    tag = await first_tag(reader)
    with pytest.raises(LookupError):
        await _write_then_fail(elsewhere)

    assert (await poll(reader, tag))[0] == 304


async def _write_then_fail(database: Database) -> None:
    async with database.transaction() as session:
        await add_books(session, "third")
        raise LookupError


async def test_a_change_that_is_not_committed_yet_is_seen_once_it_is(
    reader: httpx.AsyncClient, elsewhere: Database
) -> None:
    async with elsewhere.transaction() as session:
        await add_books(session, "third")
        tag = await first_tag(reader)
        assert (await poll(reader, tag))[0] == 304

    assert (await poll(reader, tag))[0] == 200


async def test_a_revoked_token_is_told_nothing(
    reader: httpx.AsyncClient, app: FastAPI, signer: Signer
) -> None:
    tag = await first_tag(reader)
    revocations: Revocations = app.state.verifier.revocations
    revocations.revoke_user(1, issued_before=time.time() + 60)

    assert await poll(reader, tag) == (401, 0)


async def test_a_tag_of_somebody_else_is_judged_by_making_the_list(
    reader: httpx.AsyncClient, signer: Signer
) -> None:
    tag = await first_tag(reader)
    reader.headers.update(signer.headers(2))

    assert await poll(reader, tag) == (304, 1)


async def test_another_host_gets_its_own_links(reader: httpx.AsyncClient) -> None:
    tag = await first_tag(reader)
    reader.headers["X-Forwarded-Host"] = "other.test"

    assert await poll(reader, tag) == (200, 1)


async def test_a_list_that_the_clock_changes_is_made_again_when_it_is_time(
    reader: httpx.AsyncClient,
) -> None:
    shelf.lists_end_at = time.time() - 1
    tag = await first_tag(reader)

    assert await poll(reader, tag) == (304, 1)
