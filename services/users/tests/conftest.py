"""The users service for its tests: real database, real keys; files and pipelines are played."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from services.users.main import build
from services.users.settings import UsersSettings
from shared.testing.peers import Peers

SECRET = "a secret of more than twenty-five characters"


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    def build_users(folder: Path, peers: Peers) -> FastAPI:
        peers.answer("GET", "http://files:8000/api/v1/files/", json=[])
        peers.answer("GET", "http://pipelines:8000/api/v1/pipelines/", json=[])
        settings = UsersSettings(
            data_dir=folder, nats_url="", database_url=database_url, api_secret_key=SECRET
        )
        return build(settings, transport=peers)

    return build_users


PASSWORD = "correct horse battery"
Register = Callable[[str], Awaitable[dict[str, str]]]


@pytest.fixture
def register(client: httpx.AsyncClient) -> Register:
    """Makes an account and answers with the header that speaks for it."""

    async def make(username: str) -> dict[str, str]:
        body = {"username": username, "password1": PASSWORD, "password2": PASSWORD}
        answer = await client.post("/auth/registration/", json=body)
        assert answer.status_code == 201, answer.text
        return {"Authorization": f"Token {answer.json()['token']}"}

    return make
