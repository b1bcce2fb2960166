import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from shared.db import Database
from shared.testing.peers import Peers
from shared.testing.tokens import Signer
from shared.tests.library import BOOKS, add_books, build_library

BOOK = f"{BOOKS}1/"


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    return partial(build_library, database_url=database_url)


@pytest.fixture
async def editor(
    client: httpx.AsyncClient, signer: Signer, database: Database
) -> httpx.AsyncClient:
    async with database.transaction() as session:
        await add_books(session, "first", "second")
    client.headers.update(signer.headers())
    return client


async def tag_of(editor: httpx.AsyncClient, address: str = BOOK) -> str:
    return (await editor.get(address)).headers["etag"]


@pytest.mark.parametrize("address", [BOOK, BOOKS, f"{BOOKS}?limit=1"])
async def test_polling_what_has_not_changed_is_answered_without_a_body(
    editor: httpx.AsyncClient, address: str
) -> None:
    first = await editor.get(address)
    again = await editor.get(
        address, headers={"If-None-Match": first.headers["etag"], "Origin": "http://ui.test"}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "private, no-cache"
    assert again.headers["access-control-allow-origin"] == "*"
    assert "Origin" in again.headers["vary"]
    assert again.headers.get("link") == first.headers.get("link")
    assert "content-length" not in again.headers


async def test_a_change_changes_the_tags_of_item_and_list(editor: httpx.AsyncClient) -> None:
    before = await tag_of(editor), await tag_of(editor, BOOKS)
    await editor.patch(BOOK, json={"title": "other"})
    for address, tag in zip((BOOK, BOOKS), before, strict=True):
        answer = await editor.get(address, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.headers["etag"] != tag) == (200, True)


@pytest.mark.parametrize("written", ["{0}", "W/{0}", '"x,y", {0}', '"x",W/{0},"z"', "*"])
async def test_a_client_may_know_several_versions(editor: httpx.AsyncClient, written: str) -> None:
    known = written.format(await tag_of(editor))
    assert (await editor.get(BOOK, headers={"If-None-Match": known})).status_code == 304
    assert (await editor.head(BOOK, headers={"If-None-Match": known})).status_code == 304


async def test_a_refusal_carries_no_tag(editor: httpx.AsyncClient) -> None:
    answer = await editor.get(f"{BOOKS}99/", headers={"If-None-Match": "*"})
    assert (answer.status_code, "etag" in answer.headers) == (404, False)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_change_of_an_old_view_is_refused_and_changes_nothing(
    editor: httpx.AsyncClient, method: str
) -> None:
    old = await tag_of(editor)
    await editor.patch(BOOK, json={"title": "theirs"})
    refused = await editor.request(method, BOOK, headers={"If-Match": old}, json={"title": "mine"})
    assert refused.status_code == 412
    assert set(refused.json()) == {"detail"}
    assert (await editor.get(BOOK)).json()["title"] == "theirs"


@pytest.mark.parametrize("written", ["{0}", '"old", {0}', "*"])
async def test_a_change_of_the_present_view_is_made(
    editor: httpx.AsyncClient, written: str
) -> None:
    known = {"If-Match": written.format(await tag_of(editor))}
    changed = await editor.patch(BOOK, json={"title": "mine"}, headers=known)
    assert (changed.status_code, changed.json()["title"]) == (200, "mine")
    known = {"If-Match": await tag_of(editor)}
    assert (await editor.delete(BOOK, headers=known)).status_code == 204


async def test_a_weak_tag_is_not_enough_for_a_change(editor: httpx.AsyncClient) -> None:
    known = {"If-Match": f"W/{await tag_of(editor)}"}
    assert (await editor.patch(BOOK, json={"title": "x"}, headers=known)).status_code == 412


async def test_of_many_changes_of_the_same_view_one_is_made(editor: httpx.AsyncClient) -> None:
    known = {"If-Match": await tag_of(editor)}
    answers = await asyncio.gather(
        *(editor.patch(BOOK, json={"title": f"by {n}"}, headers=known) for n in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9


async def test_a_token_that_may_not_read_can_set_no_condition(
    editor: httpx.AsyncClient, signer: Signer
) -> None:
    known = {**signer.headers(scopes="books:write"), "If-Match": '"anything"'}
    assert (await editor.patch(BOOK, json={"title": "x"}, headers=known)).status_code == 403
    assert (await editor.get(BOOK)).json()["title"] == "first"


async def test_the_routes_own_refusals_come_first(
    editor: httpx.AsyncClient, signer: Signer
) -> None:
    known = {"If-Match": '"anything"'}
    assert (await editor.patch(f"{BOOKS}99/", json={}, headers=known)).status_code == 404
    nobody = {**known, "Authorization": ""}
    assert (await editor.patch(BOOK, json={}, headers=nobody)).status_code == 401
