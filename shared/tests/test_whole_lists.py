"""A whole list of any length is answered as a short one is, in parts that nobody notices."""

import asyncio
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, insert

from shared import paging
from shared.db import Database
from shared.errors import Unavailable
from shared.testing.peers import Peers
from shared.testing.tokens import Signer
from shared.tests.library import BOOKS, FIRST_DAY, TABLE, add_books, build_library, nothing, shelf

COUNT, PART = 95, 10
PARTS = 10


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    return partial(build_library, database_url=database_url)


@pytest.fixture(autouse=True)
def _unhooked() -> Iterator[None]:
    shelf.parts_made = 0
    yield
    shelf.before_part = nothing


@pytest.fixture
async def reader(
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> httpx.AsyncClient:
    """Of a library whose list has ten parts, with five books of each day."""
    monkeypatch.setattr(paging, "LIMIT_MAX", PART)
    await _fill(database, COUNT)
    client.headers.update(signer.headers())
    return client


async def _fill(database: Database, count: int, title: str = "book") -> None:
    books = [
        {"title": f"{title} {n}", "created_at": FIRST_DAY + timedelta(days=n // 5)}
        for n in range(count)
    ]
    async with database.transaction() as session:
        await session.execute(insert(TABLE), books)


async def _pages(reader: httpx.AsyncClient, query: str) -> list[Any]:
    """The same list as its pages have it."""
    books: list[Any] = []
    address = f"{BOOKS}?limit={PART}&{query}"
    while address:
        answer = await reader.get(address)
        books += answer.json()
        address = answer.links.get("next", {}).get("url", "")
    return books


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", COUNT),
        ("ordering=-id", COUNT),
        ("ordering=date_created", COUNT),
        ("ordering=-date_created", COUNT),
        ("created_after=2026-01-02&created_before=2026-01-10T12:00:00Z", 40),
        ("created_before=2026-01-02", 5),
        ("created_before=2026-01-03", 10),
        ("created_after=2027-01-01", 0),
    ],
)
async def test_a_long_list_is_byte_for_byte_what_it_would_be_in_one_piece(
    reader: httpx.AsyncClient, query: str, count: int
) -> None:
    books = await _pages(reader, query)
    whole = orjson.dumps(books)

    answer = await reader.get(f"{BOOKS}?{query}")

    assert len(books) == count
    assert answer.content == whole
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(whole))
    assert answer.headers["etag"] == f'"{blake2b(whole, digest_size=16).hexdigest()}"'
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "link" not in answer.headers


async def test_a_long_list_goes_on_from_a_cursor(reader: httpx.AsyncClient) -> None:
    first = await reader.get(f"{BOOKS}?limit={PART}")
    cursor = httpx.URL(first.links["next"]["url"]).params["cursor"]

    rest = await reader.get(f"{BOOKS}?cursor={cursor}")

    assert [*first.json(), *rest.json()] == await _pages(reader, "")


async def test_a_long_list_that_its_client_has_is_304(
    reader: httpx.AsyncClient, database: Database
) -> None:
    tag = (await reader.get(BOOKS)).headers["etag"]
    made = shelf.parts_made
    unchanged = await reader.get(BOOKS, headers={"If-None-Match": f'"other", {tag}'})
    assert shelf.parts_made == made
    async with database.transaction() as session:
        await add_books(session, "elsewhere", at=FIRST_DAY + timedelta(days=99))
    address = f"{BOOKS}?created_before=2026-03-01"
    again = await reader.get(address, headers={"If-None-Match": tag})
    changed = await reader.get(BOOKS, headers={"If-None-Match": tag})

    for answer in (unchanged, again):
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in answer.headers
    assert (changed.status_code, len(changed.json())) == (200, COUNT + 1)


async def test_a_head_of_a_long_list_tells_its_length_and_tag(reader: httpx.AsyncClient) -> None:
    got, told = await reader.get(BOOKS), await reader.head(BOOKS)
    for name in ("content-length", "etag", "content-type"):
        assert told.headers[name] == got.headers[name]


async def test_a_long_list_is_of_one_moment(reader: httpx.AsyncClient, database: Database) -> None:
    before = await _pages(reader, "")
    shelf.parts_made = 0

    async def change_in_the_middle() -> None:
        if shelf.parts_made == PARTS // 2:
            async with database.transaction() as session:
                await session.execute(delete(TABLE).where(TABLE.c.id > COUNT - 5))
                await add_books(session, "late")

    shelf.before_part = change_in_the_middle
    assert (await reader.get(BOOKS)).json() == before
    assert len((await reader.get(BOOKS)).json()) == COUNT - 4


async def test_what_fails_in_the_middle_of_a_long_list_is_an_error_and_no_half_list(
    reader: httpx.AsyncClient,
) -> None:
    async def fail_late() -> None:
        if shelf.parts_made == PARTS:
            raise Unavailable

    shelf.before_part = fail_late
    answer = await reader.get(BOOKS)
    assert (answer.status_code, answer.json()) == (503, {"detail": Unavailable.detail})
    shelf.parts_made = PARTS
    assert (await reader.get(BOOKS)).status_code == 200


@pytest.mark.parametrize("count", [1, 5])
async def test_others_are_answered_while_long_lists_are_made(
    reader: httpx.AsyncClient, count: int
) -> None:
    begun, answered = asyncio.Event(), asyncio.Event()
    # Each looks at its first part twice: it waits for its turn without a connection.
    parts = count * (PARTS + 1)

    async def wait_at_the_last() -> None:
        begun.set()
        if shelf.parts_made == parts:
            await answered.wait()

    shelf.before_part = wait_at_the_last
    lists = [asyncio.create_task(reader.get(BOOKS)) for _ in range(count)]
    await begun.wait()

    assert (await reader.get(f"{BOOKS}1/")).status_code == 200

    assert not all(one.done() for one in lists)
    answered.set()
    bodies = {(await one).content for one in lists}
    assert len(bodies) == 1
    assert shelf.parts_made == parts


class Client:
    """At the other end of one request, below what httpx lets a test see."""

    def __init__(self, app: FastAPI, signer: Signer):
        self._app = app
        self._headers = [
            (name.lower().encode(), value.encode()) for name, value in signer.headers().items()
        ]
        self.left = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.got = 0
        self.status = 0
        # Set once it has got something.
        self.waits = asyncio.Event()

    async def get(self) -> None:
        scope = {
            "type": "http",
            "method": "GET",
            "path": BOOKS,
            "raw_path": BOOKS.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "http_version": "1.1",
            "server": ("mlsploit.test", 80),
            "headers": [(b"host", b"mlsploit.test"), *self._headers],
        }
        await self._app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)
        self.got += len(message.get("body", b""))
        if self.got:
            self.waits.set()
            await self.reads.wait()


@pytest.mark.usefixtures("reader")
async def test_a_list_whose_client_has_left_is_made_no_further(
    app: FastAPI, signer: Signer
) -> None:
    client = Client(app, signer)

    async def leave() -> None:
        if shelf.parts_made == PARTS // 2:
            client.left.set()

    shelf.before_part = leave
    await client.get()
    assert client.got == 0
    assert shelf.parts_made <= PARTS // 2 + 1


async def test_who_reads_a_long_list_slowly_holds_little_and_no_connection(
    app: FastAPI, signer: Signer, database: Database
) -> None:
    """In parts as large as they are: what one of them takes is all that a list of many takes."""
    await _fill(database, 12_000, title="x" * 2000)
    client = Client(app, signer)
    await client.get()  # What is imported and built once.
    size, client.got = client.got, 0
    client.reads.clear()
    client.waits.clear()
    tracemalloc.start()
    try:
        reading = asyncio.create_task(client.get())
        await client.waits.wait()
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert client.got < size / 100
    pool: Any = database.engine.pool
    assert pool.checkedout() == 0
    client.reads.set()
    await reading
    assert client.got == size > 24_000_000
    assert held < 3_000_000
    assert peak < 15_000_000
