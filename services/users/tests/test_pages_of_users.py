"""What the kernel does for every list and every item, on this service's own."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from sqlalchemy import select

from services.users import queries
from shared import paging
from shared.db import Database
from shared.messaging.tables import idempotency_keys
from shared.testing.peers import Peers

Register = Callable[[str], Awaitable[dict[str, str]]]
USERS, ME, TOKENS = "/api/v1/users/", "/auth/user/", "/auth/tokens/"
FILES = "http://files:8000/api/v1/files/"


async def test_users_go_in_pages_newest_first(
    client: httpx.AsyncClient, register: Register, database: Database
) -> None:
    for name in ("ada", "bob", "root"):
        await register(name)
    async with database.transaction() as session:
        (await queries.get_by_username(session, "root")).is_staff = True
    body = {"username": "root", "password": "correct horse battery"}
    token = (await client.post("/auth/login/", json=body)).json()["token"]
    client.headers["Authorization"] = f"Token {token}"

    first = await client.get(f"{USERS}?limit=2")
    rest = await client.get(first.links["next"]["url"])

    assert [user["username"] for user in first.json() + rest.json()] == ["root", "bob", "ada"]


async def test_a_long_list_of_users_is_the_same_when_it_is_made_in_parts(
    client: httpx.AsyncClient,
    register: Register,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("ada", "bob", "eve", "root"):
        await register(name)
    async with database.transaction() as session:
        (await queries.get_by_username(session, "root")).is_staff = True
    body = {"username": "root", "password": "correct horse battery"}
    token = (await client.post("/auth/login/", json=body)).json()["token"]
    headers = {"Authorization": f"Token {token}"}
    whole = await client.get(USERS, headers=headers)
    monkeypatch.setattr(paging, "LIMIT_MAX", 1)

    assert (await client.get(USERS, headers=headers)).content == whole.content
    assert len(whole.json()) == 4


async def test_what_other_services_say_counts_for_the_tag_of_a_user(
    client: httpx.AsyncClient, register: Register, peers: Peers
) -> None:
    ada = await register("ada")
    me = (await client.get(ME, headers=ada)).json()
    tag = (await client.get(ME, headers=ada)).headers["etag"]
    assert (await client.get(ME, headers={**ada, "If-None-Match": tag})).status_code == 304

    peers.answer("GET", FILES, json=[{"id": 1, "owner": me["url"]}])

    assert (await client.get(ME, headers={**ada, "If-None-Match": tag})).status_code == 200
    refused = await client.patch(ME, json={"username": "eve"}, headers={**ada, "If-Match": tag})
    assert refused.status_code == 412


async def test_a_condition_that_cannot_be_judged_lets_nothing_through(
    client: httpx.AsyncClient, register: Register, peers: Peers
) -> None:
    ada = await register("ada")
    peers.silence("GET", FILES)

    answer = await client.patch(ME, json={"username": "eve"}, headers={**ada, "If-Match": "*"})

    assert answer.status_code == 503
    peers.answer("GET", FILES, json=[])
    assert (await client.get(ME, headers=ada)).json()["username"] == "ada"


async def test_a_token_asked_for_twice_is_made_once_and_kept_where_nobody_can_read_it(
    client: httpx.AsyncClient, register: Register, database: Database
) -> None:
    headers = {**await register("ada"), "Idempotency-Key": "k"}

    first, again = [
        await client.post(TOKENS, json={"name": "job"}, headers=headers) for _ in range(2)
    ]

    assert (first.status_code, again.json()) == (201, first.json())
    names = [one["name"] for one in (await client.get(TOKENS, headers=headers)).json()]
    assert names == ["job", "login"]
    async with database.reading() as session:
        [row] = (await session.execute(select(idempotency_keys))).all()
    assert first.json()["token"].encode() not in row.answer


async def test_a_condition_on_a_method_that_a_path_lacks_is_not_judged(
    client: httpx.AsyncClient, register: Register
) -> None:
    headers = {**await register("ada"), "If-Match": '"anything"'}

    assert (await client.delete(ME, headers=headers)).status_code == 405
