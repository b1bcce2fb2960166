"""`/api/v1/users/`: people see themselves, administrators see everybody."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from services.users import queries
from services.users.models import Token
from shared.clock import utc_now
from shared.db import Database
from shared.testing.fixtures import Published
from shared.testing.peers import Peers

Register = Callable[[str], Awaitable[dict[str, str]]]
PASSWORD = "correct horse battery"
FILES = "http://files:8000/api/v1/files/"


async def _me(client: httpx.AsyncClient, header: dict[str, str]) -> str:
    return str((await client.get("/auth/user/", headers=header)).json()["url"])


@pytest.fixture
async def staff(
    client: httpx.AsyncClient, register: Register, database: Database
) -> dict[str, str]:
    await register("root")
    async with database.transaction() as session:
        (await queries.get_by_username(session, "root")).is_staff = True
    answer = await client.post("/auth/login/", json={"username": "root", "password": PASSWORD})
    return {"Authorization": f"Token {answer.json()['token']}"}


async def test_a_person_sees_only_their_own_entry(
    client: httpx.AsyncClient, register: Register
) -> None:
    ada, bob = await register("ada"), await register("bob")

    listed = (await client.get("/api/v1/users/", headers=ada)).json()

    assert [user["username"] for user in listed] == ["ada"]
    assert (await client.get(await _me(client, bob), headers=ada)).status_code == 404


async def test_staff_see_everybody_newest_first(
    client: httpx.AsyncClient, register: Register, staff: dict[str, str]
) -> None:
    await register("ada")

    listed = (await client.get("/api/v1/users/", headers=staff)).json()

    assert [user["username"] for user in listed] == ["ada", "root"]


async def test_what_a_user_owns_comes_from_its_owners_in_one_call_each(
    client: httpx.AsyncClient, register: Register, staff: dict[str, str], peers: Peers
) -> None:
    me = await _me(client, await register("ada"))
    peers.answer("GET", FILES, json=[{"id": 5, "owner": me}, {"id": 9, "owner": me}])
    peers.asked.clear()

    listed = (await client.get("/api/v1/users/", headers=staff)).json()

    assert listed[0]["files"] == [f"http://mlsploit.test/api/v1/files/{n}/" for n in (5, 9)]
    assert listed[1]["files"] == []
    assert len(peers.asked) == 2


async def test_a_silent_peer_is_503_and_says_when_to_ask_again(
    client: httpx.AsyncClient, register: Register, peers: Peers
) -> None:
    ada = await register("ada")
    peers.silence("GET", FILES)

    answer = await client.get("/api/v1/users/", headers=ada)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_fields_that_are_not_wanted_cost_no_call(
    client: httpx.AsyncClient, register: Register, peers: Peers
) -> None:
    ada = await register("ada")
    peers.asked.clear()

    listed = (await client.get("/api/v1/users/?fields=id,username", headers=ada)).json()

    assert [set(user) for user in listed] == [{"id", "username"}]
    assert peers.asked == []


async def test_a_rename_keeps_names_unique_without_regard_to_case(
    client: httpx.AsyncClient, register: Register
) -> None:
    ada = await register("ada")
    await register("bob")
    me = await _me(client, ada)

    taken = await client.patch(me, json={"username": "BOB"}, headers=ada)
    renamed = await client.patch(me, json={"username": "Ada"}, headers=ada)

    assert taken.json() == {"username": ["A user with that username already exists."]}
    assert (renamed.status_code, renamed.json()["username"]) == (200, "Ada")


async def test_existence_is_judged_before_the_body(
    client: httpx.AsyncClient, register: Register
) -> None:
    ada = await register("ada")

    answer = await client.patch("/api/v1/users/999999/", content=b"{", headers=ada)

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


async def test_a_deleted_user_is_gone_with_every_token_and_told_about(
    client: httpx.AsyncClient, register: Register, published: Published
) -> None:
    ada = await register("ada")
    me = await _me(client, ada)

    gone = await client.delete(me, headers=ada)

    assert (gone.status_code, gone.content) == (204, b"")
    assert (await client.get("/auth/user/", headers=ada)).status_code == 401
    subjects = [subject for subject, _ in await published()]
    assert "mlsploit.events.users.user.deleted" in subjects
    assert any(subject.startswith("$KV.mlsploit_revocations.user.") for subject in subjects)


async def test_a_deleted_users_tokens_end_though_the_clock_was_set_back_since_they_were_issued(
    client: httpx.AsyncClient, register: Register, database: Database, published: Published
) -> None:
    ada = await register("ada")
    me = await _me(client, ada)
    later = utc_now() + timedelta(hours=1)
    async with database.transaction() as session:
        await session.execute(update(Token).values(created_at=later))

    await client.delete(me, headers=ada)

    [moment] = [
        float(str(told)) for subject, told in await published() if "revocations.user." in subject
    ]
    assert moment == later.timestamp()


async def test_ids_never_come_back(client: httpx.AsyncClient, register: Register) -> None:
    ada = await register("ada")
    first = await _me(client, ada)
    await client.delete(first, headers=ada)

    assert await _me(client, await register("ada")) != first


@pytest.mark.parametrize("bad", ["abc", "0", "-1", "1.5", "99999999999999999999"])
async def test_what_is_no_id_names_nothing(
    client: httpx.AsyncClient, register: Register, bad: str
) -> None:
    answer = await client.get(f"/api/v1/users/{bad}/", headers=await register("ada"))

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})
