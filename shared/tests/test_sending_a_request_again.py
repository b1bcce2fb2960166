import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update

from shared import idempotency
from shared.clock import utc_now
from shared.db import Database
from shared.idempotency import CLAIM, KEY_LENGTH_MAX, BodyPrint
from shared.messaging.tables import idempotency_keys
from shared.testing.eventually import eventually
from shared.testing.peers import Peers
from shared.testing.tokens import Signer
from shared.tests.library import BOOKS, build_library, shelf, titles_in


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    return partial(build_library, database_url=database_url)


@pytest.fixture
def writer(client: httpx.AsyncClient, signer: Signer) -> httpx.AsyncClient:
    client.headers.update(signer.headers())
    return client


async def send(
    writer: httpx.AsyncClient, title: str = "a", key: str = "k-1", **headers: str
) -> httpx.Response:
    return await writer.post(
        BOOKS, json={"title": title}, headers={"Idempotency-Key": key, **headers}
    )


async def books(database: Database) -> list[str]:
    async with database.reading() as session:
        return list(await titles_in(session))


async def kept(database: Database) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(select(idempotency_keys))).all())


async def test_a_request_sent_again_is_answered_again_and_not_done_again(
    writer: httpx.AsyncClient, database: Database
) -> None:
    first, again = await send(writer), await send(writer)
    assert (again.status_code, first.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"] == first.json()["url"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert await books(database) == ["a"]


async def test_another_request_with_the_same_key_is_refused(
    writer: httpx.AsyncClient, database: Database
) -> None:
    await send(writer)
    refused = await send(writer, "b")
    assert (refused.status_code, set(refused.json())) == (422, {"detail"})
    longer = await send(writer, "a" * 100_000)
    assert longer.status_code == 422
    as_form = await writer.post(BOOKS, data={"title": "a"}, headers={"Idempotency-Key": "k-1"})
    assert as_form.status_code == 422
    assert await books(database) == ["a"]


async def test_a_key_counts_for_one_user_and_one_address(
    writer: httpx.AsyncClient, database: Database, signer: Signer
) -> None:
    await send(writer)
    assert (await send(writer, key="k-2")).status_code == 201
    assert (await send(writer, "mine", **signer.headers(2))).status_code == 201
    narrowed = signer.headers(scopes="books:write")
    assert (await send(writer, "narrowed", **narrowed)).status_code == 201
    assert await books(database) == ["a", "a", "mine", "narrowed"]


async def test_another_token_of_the_same_user_gets_the_same_answer(
    writer: httpx.AsyncClient, signer: Signer
) -> None:
    first, again = await send(writer), await send(writer, **signer.headers())
    assert first.json() == again.json()


async def test_a_refusal_leaves_the_key_free(writer: httpx.AsyncClient, database: Database) -> None:
    for title in ("", "unreadable"):
        assert (await send(writer, title)).status_code == 400
    assert await kept(database) == []
    assert (await send(writer, "a")).status_code == 201


async def test_without_credentials_a_key_is_nobodys(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert (await send(client)).status_code == 401
    assert await kept(database) == []


@pytest.mark.parametrize("key", ["", "x" * (KEY_LENGTH_MAX + 1)])
async def test_a_key_that_is_none_is_refused(writer: httpx.AsyncClient, key: str) -> None:
    answer = await send(writer, key=key)
    assert (answer.status_code, set(answer.json())) == (400, {"detail"})


@pytest.fixture
async def busy_shelf() -> AsyncIterator[None]:
    shelf.open = asyncio.Event()
    shelf.waiting = 0
    yield
    shelf.open.set()


async def is_waiting() -> bool:
    return shelf.waiting > 0


@pytest.mark.usefixtures("busy_shelf")
async def test_of_two_at_the_same_time_one_is_done_and_the_other_waits_for_its_answer(
    writer: httpx.AsyncClient, database: Database
) -> None:
    both = [asyncio.create_task(send(writer)) for _ in range(2)]
    await eventually(is_waiting)
    shelf.open.set()
    first, second = await asyncio.gather(*both)
    assert first.json() == second.json()
    assert await books(database) == ["a"]


@pytest.fixture
async def silent_shelf() -> AsyncIterator[None]:
    shelf.says_so = asyncio.Event()
    shelf.waiting = -1  # Whoever passes through is not there yet.
    yield
    shelf.says_so.set()


@pytest.mark.usefixtures("silent_shelf")
async def test_what_was_done_before_a_crash_is_answered_and_not_done_again(
    writer: httpx.AsyncClient, database: Database
) -> None:
    first = asyncio.create_task(send(writer))
    await eventually(is_waiting)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    shelf.says_so.set()

    again = await send(writer)

    assert await books(database) == ["a"]
    assert (again.status_code, again.json()["title"]) == (201, "a")
    assert again.headers["location"] == again.json()["url"]
    assert again.headers["idempotency-replayed"] == "true"
    assert (await send(writer, "b")).status_code == 422


async def test_what_was_undone_is_not_kept(writer: httpx.AsyncClient, database: Database) -> None:
    """What a transaction keeps goes with it."""
    first = await send(writer, "never")
    assert first.status_code == 409
    assert await kept(database) == []


async def test_a_database_that_is_away_asks_to_come_again_with_the_same_key(
    writer: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        nowhere = Database("postgresql+asyncpg://nobody@127.0.0.1:9/nothing")
        away.setattr(database, "_new_writer", nowhere._new_writer)
        refused = await send(writer)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert (await send(writer)).status_code == 201
    assert await books(database) == ["a"]


async def test_of_many_at_the_same_time_one_is_done(
    writer: httpx.AsyncClient, database: Database
) -> None:
    answers = await asyncio.gather(*(send(writer) for _ in range(10)))
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, answers[0].text)}
    assert await books(database) == ["a"]


async def test_whoever_waits_too_long_is_told_to_come_again(
    writer: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(writer)
    claim = {"status": None, "expires_at": utc_now() + CLAIM}
    async with database.transaction() as session:
        await session.execute(update(idempotency_keys).values(claim))
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0.0)
    answer = await send(writer)
    assert (answer.status_code, set(answer.json())) == (409, {"detail"})
    assert answer.headers["retry-after"] == "1"


async def test_the_claim_of_a_crashed_request_ends(
    writer: httpx.AsyncClient, database: Database
) -> None:
    await send(writer)
    async with database.transaction() as session:
        values = {"status": None, "expires_at": utc_now()}
        await session.execute(update(idempotency_keys).values(values))
    assert (await send(writer)).status_code == 201
    assert await books(database) == ["a", "a"]


@pytest.mark.usefixtures("busy_shelf")
async def test_a_request_that_takes_long_keeps_its_claim(
    writer: httpx.AsyncClient,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idempotency, "RENEW_SECONDS", 0.01)
    sending = asyncio.create_task(send(writer))
    await eventually(is_waiting)
    [claimed] = await kept(database)

    async def is_renewed() -> bool:
        [now] = await kept(database)
        return bool(now.expires_at > claimed.expires_at)

    await eventually(is_renewed)
    shelf.open.set()
    assert (await sending).status_code == 201


async def test_answers_are_kept_for_a_time_and_then_forgotten(
    writer: httpx.AsyncClient, database: Database
) -> None:
    await send(writer)
    async with database.transaction() as session:
        await session.execute(update(idempotency_keys).values(expires_at=utc_now()))
    await send(writer, "b", key="k-2")
    assert len(await kept(database)) == 1
    assert (await send(writer, "c")).status_code == 201


async def test_an_answer_is_kept_so_that_only_its_key_opens_it(
    writer: httpx.AsyncClient, database: Database
) -> None:
    await send(writer, "a secret title", key="my-key")
    [row] = await kept(database)
    stored = repr(row)
    assert "secret" not in stored
    assert "my-key" not in stored


def form(boundary: bytes, content: bytes) -> bytes:
    return (
        b"--"
        + boundary
        + b'\r\nContent-Disposition: form-data; name="blob"; filename="a"\r\n\r\n'
        + content
        + b"\r\n--"
        + boundary
        + b"--\r\n"
    )


async def print_of(body: bytes, content_type: str, piece: int = 1000) -> str:
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)]
    messages = iter({"type": "http.request", "body": each, "more_body": True} for each in pieces)

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.request", "body": b"", "more_body": False})

    scope = {
        "type": "http",
        "query_string": b"",
        "headers": [(b"content-type", content_type.encode())],
    }
    read = BodyPrint(scope, receive)
    await read.drain()
    return read.fingerprint()


@pytest.mark.parametrize("piece", [1, 7, 64, 1000])
async def test_a_form_is_the_same_with_another_boundary_and_in_other_pieces(piece: int) -> None:
    first = await print_of(form(b"one", b"x" * 500), "multipart/form-data; boundary=one")
    other = "an-other-boundary-0123456789"
    again = await print_of(
        form(other.encode(), b"x" * 500), f'multipart/form-data; boundary="{other}"', piece
    )
    changed = await print_of(form(b"one", b"y" * 500), "multipart/form-data; boundary=one", piece)
    assert first == again
    assert first != changed
