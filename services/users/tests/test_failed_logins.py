"""Guessing a password is slow, wherever one guesses from, and tells nothing about who exists."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import func, select, update

from services.users import passwords
from services.users.login import failures
from services.users.login.addresses import client_address, networks
from services.users.main import build
from services.users.models import FailedLogins, User
from services.users.settings import UsersSettings
from services.users.tests.conftest import PASSWORD, SECRET
from shared.clock import utc_now
from shared.db import Database, col
from shared.testing.fixtures import HOST
from shared.testing.peers import Peers

PER_ACCOUNT, PER_ADDRESS = 3, 8
WRONG = "a wrong guess"
CANNOT = {"non_field_errors": ["Unable to log in with provided credentials."]}

Register = Callable[[str], Awaitable[dict[str, str]]]
pytestmark = pytest.mark.attack


class CountingHasher(Argon2Hasher):
    """Argon2id for little; counts how often it works."""

    def __init__(self, *, time_cost: int = 1) -> None:
        super().__init__(time_cost=time_cost, memory_cost=8, parallelism=1)
        self.worked = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.worked += 1
        return super().hash(password, salt=salt)

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002 - its name
        self.worked += 1
        return super().verify(password, hash)


@pytest.fixture(autouse=True)
def hasher(monkeypatch: pytest.MonkeyPatch) -> CountingHasher:
    counting = CountingHasher()
    monkeypatch.setattr(passwords, "_hasher", PasswordHash((counting,)))
    return counting


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    def build_users(folder: Path, peers: Peers) -> FastAPI:
        peers.answer("GET", "http://files:8000/api/v1/files/", json=[])
        peers.answer("GET", "http://pipelines:8000/api/v1/pipelines/", json=[])
        settings = UsersSettings(
            data_dir=folder,
            nats_url="",
            database_url=database_url,
            api_secret_key=SECRET,
            login_failures_per_account_max=PER_ACCOUNT,
            login_failures_per_address_max=PER_ADDRESS,
        )
        return build(settings, transport=peers)

    return build_users


async def guess(
    client: httpx.AsyncClient,
    username: str,
    password: str = WRONG,
    *,
    of: str = "1.2.3.4",
) -> httpx.Response:
    body = {"username": username, "password": password}
    return await client.post("/auth/login/", json=body, headers={"X-Forwarded-For": of})


async def guess_until_refused(client: httpx.AsyncClient, username: str) -> list[httpx.Response]:
    answers = [await guess(client, username) for _ in range(PER_ACCOUNT)]
    assert [(one.status_code, one.json()) for one in answers] == [(400, CANNOT)] * PER_ACCOUNT
    return [*answers, await guess(client, username)]


def expect_refusal(answer: httpx.Response) -> None:
    assert answer.status_code == 429, answer.text
    seconds = int(answer.headers["retry-after"])
    assert 0 < seconds <= 300
    assert answer.json() == {"detail": f"Too many failed logins; try again in {seconds} seconds."}


async def test_after_some_failures_not_even_the_right_password_is_looked_at(
    client: httpx.AsyncClient, register: Register, hasher: CountingHasher
) -> None:
    await register("ada")
    await register("bob")
    [*_, refused] = await guess_until_refused(client, "ada")
    worked = hasher.worked

    expect_refusal(refused)
    expect_refusal(await guess(client, "ada", PASSWORD))
    expect_refusal(await guess(client, "ada", PASSWORD, of="9.9.9.9"))
    assert hasher.worked == worked
    assert (await guess(client, "bob", PASSWORD)).status_code == 200


async def test_a_name_that_nobody_has_is_refused_like_any_other(
    client: httpx.AsyncClient, register: Register
) -> None:
    await register("ada")
    known = await guess_until_refused(client, "ada")
    unknown = await guess_until_refused(client, "nobody")

    assert [one.status_code for one in known] == [one.status_code for one in unknown]
    assert {tuple(sorted(one.headers)) for one in known[:-1]} == {
        tuple(sorted(one.headers)) for one in unknown[:-1]
    }


async def test_one_address_may_not_try_many_names(client: httpx.AsyncClient) -> None:
    for number in range(PER_ADDRESS):
        assert (await guess(client, f"name{number}")).status_code == 400

    expect_refusal(await guess(client, "another"))
    assert (await guess(client, "another", of="5.6.7.8")).status_code == 400
    # What a client says of itself stands before what the gateway saw.
    expect_refusal(await guess(client, "another", of="5.5.5.5, 1.2.3.4"))


async def test_the_right_password_begins_the_count_anew(
    client: httpx.AsyncClient, register: Register
) -> None:
    await register("ada")
    for _ in range(2):
        for _ in range(PER_ACCOUNT - 1):
            assert (await guess(client, "ada")).status_code == 400
        assert (await guess(client, "ada", PASSWORD)).status_code == 200


async def test_many_guesses_at_once_get_no_further_than_in_turn(
    client: httpx.AsyncClient, register: Register, hasher: CountingHasher
) -> None:
    await register("ada")
    before = hasher.worked

    answers = await asyncio.gather(*(guess(client, "ada", of=f"1.1.1.{n}") for n in range(60)))

    looked_at = [answer for answer in answers if answer.status_code == 400]
    assert PER_ACCOUNT <= len(looked_at) < PER_ACCOUNT + (os.cpu_count() or 1)
    assert hasher.worked - before == len(looked_at)
    assert {answer.status_code for answer in answers} == {400, 429}


async def test_all_replicas_count_together(
    build_service: Callable[[Path, Peers], FastAPI],
    client: httpx.AsyncClient,
    tmp_path: Path,
    peers: Peers,
) -> None:
    async with _replica(build_service(tmp_path, peers)) as other:
        for replica in (client, other, client):
            assert (await guess(replica, "ada")).status_code == 400

        expect_refusal(await guess(client, "ada"))
        expect_refusal(await guess(other, "ada"))


@asynccontextmanager
async def _replica(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as client,
    ):
        yield client


@pytest.mark.parametrize("minutes", [6, -60])
async def test_a_count_is_forgotten_in_time_also_when_the_clock_is_set_back(
    client: httpx.AsyncClient, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await guess_until_refused(client, "ada")

    monkeypatch.setattr(failures, "utc_now", lambda: utc_now() + timedelta(minutes=minutes))

    expect_refusal((await guess_until_refused(client, "ada"))[-1])


async def test_no_number_of_names_makes_the_table_grow_without_end(
    client: httpx.AsyncClient, database: Database
) -> None:
    buckets = {failures._bucket("account", str(number)) for number in range(200_000)}
    assert len(buckets) <= failures.BUCKETS_PER_KIND

    for number in range(6):
        await guess(client, f"name{number % 2}")
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(FailedLogins)) == 3


async def test_a_login_that_fails_costs_one_hash_whoever_it_names(
    client: httpx.AsyncClient, register: Register, hasher: CountingHasher, database: Database
) -> None:
    await register("ada")
    await register("gone")
    async with database.transaction() as session:
        left = update(User).where(col(User.username) == "gone")
        await session.execute(left.values(is_active=False))

    for username, password in (
        ("ada", WRONG),
        ("nobody", PASSWORD),
        ("ADA", PASSWORD),
        ("gone", PASSWORD),
        ("gone", WRONG),
    ):
        before = hasher.worked
        answer = await guess(client, username, password)

        assert (answer.status_code, answer.json()) == (400, CANNOT), username
        assert hasher.worked - before == 1, (username, password)


async def test_a_hash_of_older_parameters_is_replaced_at_the_next_login(
    client: httpx.AsyncClient,
    register: Register,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await register("ada")
    weak = await _stored_hash(database)
    monkeypatch.setattr(passwords, "_hasher", PasswordHash((CountingHasher(time_cost=2),)))

    assert (await guess(client, "ada")).status_code == 400
    assert await _stored_hash(database) == weak
    assert (await guess(client, "ada", PASSWORD)).status_code == 200

    better = await _stored_hash(database)
    assert ("t=1" in weak, "t=2" in better) == (True, True)
    assert (await guess(client, "ada", PASSWORD)).status_code == 200
    assert await _stored_hash(database) == better


async def _stored_hash(database: Database) -> str:
    async with database.reading() as session:
        [stored] = (await session.scalars(select(col(User.password_hash)))).all()
    return str(stored)


@pytest.mark.parametrize(
    ("forwarded_for", "trusted", "counted_by"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9, 10.0.0.7", "10.0.0.0/8", "203.0.113.9"),
        ("10.0.0.8, 10.0.0.7", "10.0.0.0/8", "10.0.0.8"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "", "203.0.113.9"),
        ("", "", "127.0.0.1"),
        (" , ,", "", "127.0.0.1"),
        ("x" * 10_000, "", "x" * 45),
    ],
)
def test_a_client_is_counted_by_the_last_address_that_is_no_proxy_of_ours(
    forwarded_for: str, trusted: str, counted_by: str
) -> None:
    assert client_address(forwarded_for, "127.0.0.1", networks(trusted)) == counted_by
