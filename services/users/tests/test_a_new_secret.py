"""A new secret takes over from an old one without logging anybody out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import jwt
import pytest

from services.users.main import build
from services.users.settings import UsersSettings
from services.users.tests.conftest import PASSWORD
from shared.testing.fixtures import HOST
from shared.testing.peers import Peers

OLD, NEW = "the old secret of this system", "the new secret of this system"
ADA = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD}


@asynccontextmanager
async def users(
    folder: Path, peers: Peers, secret: str, *others: str
) -> AsyncIterator[httpx.AsyncClient]:
    peers.answer("GET", "http://files:8000/api/v1/files/", json=[])
    peers.answer("GET", "http://pipelines:8000/api/v1/pipelines/", json=[])
    settings = UsersSettings(
        data_dir=folder,
        nats_url="",
        api_secret_key=secret,
        api_other_secret_keys=", ".join(others),
    )
    app = build(settings, transport=peers)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as client,
    ):
        yield client


async def _is_believed(client: httpx.AsyncClient, token: str) -> bool:
    answer = await client.get("/auth/user/", headers={"Authorization": f"Token {token}"})
    return answer.status_code == 200


async def _key_ids(client: httpx.AsyncClient) -> list[str]:
    return [key["kid"] for key in (await client.get("/auth/jwks.json")).json()["keys"]]


async def _login(client: httpx.AsyncClient) -> str:
    body = {"username": "ada", "password": PASSWORD}
    return str((await client.post("/auth/login/", json=body)).json()["token"])


async def test_tokens_of_both_secrets_are_believed_and_only_the_new_one_signs(
    tmp_path: Path, peers: Peers
) -> None:
    async with users(tmp_path, peers, OLD) as client:
        before = (await client.post("/auth/registration/", json=ADA)).json()["token"]
        [old_key] = await _key_ids(client)

    async with users(tmp_path, peers, NEW, OLD) as client:
        after = await _login(client)

        assert await _is_believed(client, before)
        assert await _is_believed(client, after)
        keys = await _key_ids(client)
        assert old_key in keys
        assert len(keys) == 2
        assert jwt.get_unverified_header(after)["kid"] == (set(keys) - {old_key}).pop()


@pytest.mark.attack
async def test_a_secret_that_is_listed_no_more_opens_nothing(tmp_path: Path, peers: Peers) -> None:
    async with users(tmp_path, peers, OLD) as client:
        before = (await client.post("/auth/registration/", json=ADA)).json()["token"]

    async with users(tmp_path, peers, NEW) as client:
        assert not await _is_believed(client, before)
        assert await _is_believed(client, await _login(client))


async def test_replicas_can_be_told_of_the_next_secret_before_any_signs_with_it(
    tmp_path: Path, peers: Peers
) -> None:
    async with (
        users(tmp_path, peers, OLD, NEW) as not_yet,
        users(tmp_path, peers, NEW, OLD) as already,
    ):
        await not_yet.post("/auth/registration/", json=ADA)
        for signer, other in ((not_yet, already), (already, not_yet)):
            assert await _is_believed(other, await _login(signer))


def test_a_short_secret_among_the_others_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLSPLOIT_API_SECRET_KEY", NEW)
    monkeypatch.setenv("MLSPLOIT_API_OTHER_SECRET_KEYS", f"{OLD},short")
    with pytest.raises(SystemExit, match=r"MLSPLOIT_API_OTHER_SECRET_KEYS: must have at least 25"):
        UsersSettings.load()
