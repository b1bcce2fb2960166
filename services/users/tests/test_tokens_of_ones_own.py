"""Tokens that people make themselves: named, narrowed, ended, and seen in use."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from services.users.scopes import SCOPES
from services.users.usage import note_use
from shared.clock import iso, utc_now
from shared.db import Database
from shared.testing.fixtures import Published

Register = Callable[[str], Awaitable[dict[str, str]]]
URL = "/auth/tokens/"
GONE = {"detail": "Not found."}


async def _make(client: httpx.AsyncClient, headers: dict[str, str], **body: Any) -> dict[str, Any]:
    answer = await client.post(URL, json={"name": "job", **body}, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == answer.json()["url"]
    return dict(answer.json())


def _header(made: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['token']}"}


async def test_a_token_is_shown_once_and_listed_without_itself(
    client: httpx.AsyncClient, register: Register
) -> None:
    ada = await register("ada")

    made = await _make(client, ada, name="nightly", days=2, scopes=["users:read"])
    listed = (await client.get(URL, headers=ada)).json()

    assert [one["name"] for one in listed] == ["nightly", "login"]
    assert listed[0] == {name: value for name, value in made.items() if name != "token"}
    assert [one["current"] for one in listed] == [False, True]
    assert (await client.get(made["url"], headers=ada)).json() == listed[0]
    assert made["token"] not in (await client.get(URL, headers=ada)).text


async def test_a_token_ends_when_its_maker_says(
    client: httpx.AsyncClient, register: Register
) -> None:
    ada = await register("ada")
    moment = (utc_now() + timedelta(hours=3)).replace(microsecond=5)

    by_days = await _make(client, ada, days=2)
    by_moment = await _make(client, ada, expires=iso(moment))
    by_default = await _make(client, ada)

    assert by_moment["expires"] == iso(moment)
    claims = jwt.decode(by_days["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == pytest.approx(2 * 86400, abs=1)
    assert by_default["expires"][:10] == iso(utc_now() + timedelta(days=30))[:10]


async def test_a_narrowed_token_does_what_its_scopes_name_and_no_more(
    client: httpx.AsyncClient, register: Register
) -> None:
    ada = await register("ada")
    reader = _header(await _make(client, ada, scopes=["users:read"]))

    seen = await client.get("/auth/user/", headers=reader)
    changed = await client.patch("/auth/user/", json={"username": "eve"}, headers=reader)

    assert (seen.status_code, changed.status_code) == (200, 403)
    assert changed.json() == {"detail": "This token's scopes do not allow it; needed: users:write."}
    # What it may not read elsewhere it does not read here either.
    assert seen.json().keys() == {"id", "url", "username", "is_staff"}


async def test_scopes_for_files_show_the_files_of_a_user(
    client: httpx.AsyncClient, register: Register
) -> None:
    reader = _header(
        await _make(client, await register("ada"), scopes=["users:read", "files:read"])
    )

    seen = (await client.get("/auth/user/", headers=reader)).json()

    assert seen["files"] == []
    assert "pipelines" not in seen


async def test_a_narrowed_token_cannot_make_a_wider_one_nor_change_the_password(
    client: httpx.AsyncClient, register: Register
) -> None:
    ada = await register("ada")
    narrow = _header(await _make(client, ada, scopes=list(SCOPES)))

    made = await client.post(URL, json={"name": "wide"}, headers=narrow)
    changed = await client.post("/auth/password/change/", json={}, headers=narrow)

    assert (made.status_code, changed.status_code) == (403, 403)


@pytest.mark.parametrize(
    "sent",
    [
        "users:read files:write",
        "files:write, users:read,users:read",
        ["users:read", "files:write"],
        ["", "files:write users:read"],
    ],
)
async def test_scopes_in_a_form_are_a_text_or_a_repeated_key(
    client: httpx.AsyncClient, register: Register, sent: str | list[str]
) -> None:
    form = {"name": "job", "scopes": sent, "days": "", "expires": ""}

    answer = await client.post(URL, data=form, headers=await register("ada"))

    assert answer.json()["scopes"] == ["users:read", "files:write"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": [""]}, "scopes"),
        ({"scopes": ["files:read", "weather:read"]}, "scopes"),
        ({"scopes": [{}]}, "scopes"),
        ({"scopes": 7}, "scopes"),
        ({"days": 0}, "days"),
        ({"days": 3651}, "days"),
        ({"days": "soon"}, "days"),
        ({"expires": "soon"}, "expires"),
        ({"expires": 7}, "expires"),
        ({"expires": "2020-01-01T00:00:00Z"}, "expires"),
        ({"expires": "9999-12-31T23:59:59-23:00"}, "expires"),
        ({"days": 1, "expires": "2027-01-01T00:00:00Z"}, "non_field_errors"),
    ],
)
async def test_a_token_that_makes_no_sense_is_refused_by_field(
    client: httpx.AsyncClient, register: Register, body: dict[str, Any], field: str
) -> None:
    full = {"name": "job", **body} if body else {}

    answer = await client.post(URL, json=full, headers=await register("ada"))

    assert (answer.status_code, list(answer.json())) == (400, [field])


async def test_a_token_that_its_owner_revokes_is_believed_no_more_and_listed_no_more(
    client: httpx.AsyncClient, register: Register, published: Published
) -> None:
    ada = await register("ada")
    made = await _make(client, ada)

    assert (await client.delete(made["url"], headers=ada)).status_code == 204

    assert (await client.get("/auth/user/", headers=_header(made))).status_code == 401
    assert [one["name"] for one in (await client.get(URL, headers=ada)).json()] == ["login"]
    again = await client.delete(made["url"], headers=ada)
    assert (again.status_code, again.json()) == (404, GONE)
    subjects = [subject for subject, _ in await published()]
    assert f"$KV.mlsploit_revocations.token.{made['id']}" in subjects


async def test_nobody_sees_or_revokes_the_tokens_of_somebody_else(
    client: httpx.AsyncClient, register: Register
) -> None:
    made = await _make(client, await register("ada"))
    bob = await register("bob")

    assert len((await client.get(URL, headers=bob)).json()) == 1
    for answer in (
        await client.get(made["url"], headers=bob),
        await client.delete(made["url"], headers=bob),
        await client.get(f"{URL}made-up/", headers=bob),
    ):
        assert (answer.status_code, answer.json()) == (404, GONE)
    assert (await client.get("/auth/user/", headers=_header(made))).status_code == 200


async def test_a_token_that_was_used_says_when(
    client: httpx.AsyncClient, register: Register, database: Database
) -> None:
    ada = await register("ada")
    made = await _make(client, ada)
    before = iso(utc_now())

    await note_use(database, [made["id"], "of-somebody-deleted"])

    used, login = (await client.get(URL, headers=ada)).json()
    assert used["last_used"] >= before
    assert login["last_used"] is None
