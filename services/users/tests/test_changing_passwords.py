"""A new password for somebody who knows the old one."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from services.users.tests.conftest import PASSWORD

Register = Callable[[str], Awaitable[dict[str, str]]]
CHANGE = "/auth/password/change/"
NEW = "another horse, another battery"
FAILURES_MAX = 10


async def _may_log_in(client: httpx.AsyncClient, username: str, password: str) -> bool:
    body = {"username": username, "password": password}
    return (await client.post("/auth/login/", json=body)).status_code == 200


def _new(password: str = NEW, again: str | None = None) -> dict[str, str]:
    return {"new_password1": password, "new_password2": password if again is None else again}


async def test_a_changed_password_is_the_only_one_that_logs_in_and_tokens_stay(
    client: httpx.AsyncClient, register: Register
) -> None:
    ada = await register("ada")

    answer = await client.post(CHANGE, json={"old_password": PASSWORD, **_new()}, headers=ada)

    assert answer.json() == {"detail": "New password has been saved."}
    assert not await _may_log_in(client, "ada", PASSWORD)
    assert await _may_log_in(client, "ada", NEW)
    assert (await client.get("/auth/user/", headers=ada)).status_code == 200


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"old_password": "wrong", **_new("1")}, {"old_password": ["Invalid password"]}),
        (
            {"old_password": PASSWORD, **_new(NEW, "other")},
            {"new_password2": ["The two password fields didn't match."]},
        ),
        (
            {"old_password": PASSWORD, **_new("1234")},
            {
                "new_password2": [
                    "This password is too short. It must contain at least 8 characters.",
                    "This password is too common.",
                    "This password is entirely numeric.",
                ]
            },
        ),
        (
            {"old_password": PASSWORD, **_new("adalovelace1")},
            {"new_password2": ["The password is too similar to the username."]},
        ),
        (
            {"old_password": PASSWORD, **_new("x" * 1025)},
            {
                name: ["Ensure this field has no more than 1024 characters."]
                for name in ("new_password1", "new_password2")
            },
        ),
    ],
)
async def test_a_refused_change_says_why_and_changes_nothing(
    client: httpx.AsyncClient, register: Register, body: object, faults: object
) -> None:
    ada = await register("adalovelace")

    answer = await client.post(CHANGE, json=body, headers=ada)

    assert (answer.status_code, answer.json()) == (400, faults)
    assert await _may_log_in(client, "adalovelace", PASSWORD)


async def test_of_two_changes_at_the_same_moment_one_is_refused(
    client: httpx.AsyncClient, register: Register
) -> None:
    ada = await register("ada")
    wanted = [f"{NEW} {number}" for number in range(2)]

    answers = await asyncio.gather(
        *(
            client.post(CHANGE, json={"old_password": PASSWORD, **_new(one)}, headers=ada)
            for one in wanted
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200, 400]


@pytest.mark.attack
async def test_a_wrong_old_password_is_a_guess_like_a_failed_login(
    client: httpx.AsyncClient, register: Register
) -> None:
    ada = await register("ada")

    async def change(old: str) -> httpx.Response:
        body = {"old_password": old, **_new()}
        return await client.post(CHANGE, json=body, headers=ada)

    for _ in range(FAILURES_MAX - 1):
        assert (await change("a guess")).json() == {"old_password": ["Invalid password"]}
    assert not await _may_log_in(client, "ada", "a guess")

    # Not even the right one is looked at, here and there.
    for refused in (await change("a guess"), await change(PASSWORD)):
        seconds = int(refused.headers["retry-after"])
        assert refused.status_code == 429
        assert 0 < seconds <= 300
    assert not await _may_log_in(client, "ada", PASSWORD)
    assert (await client.get("/auth/user/", headers=ada)).status_code == 200


async def test_the_right_old_password_begins_the_count_anew(
    client: httpx.AsyncClient, register: Register
) -> None:
    ada = await register("ada")
    wrong = {"old_password": "a guess", **_new()}
    for _ in range(FAILURES_MAX - 1):
        assert (await client.post(CHANGE, json=wrong, headers=ada)).status_code == 400

    right = {"old_password": PASSWORD, **_new()}
    assert (await client.post(CHANGE, json=right, headers=ada)).status_code == 200
    for _ in range(2):
        assert (await client.post(CHANGE, json=wrong, headers=ada)).status_code == 400
