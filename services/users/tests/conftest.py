"""The users service for its tests: real database, real keys; files and pipelines are played."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI

from services.users.main import build
from services.users.settings import UsersSettings
from shared.testing.peers import Peers

SECRET = "a secret of more than twenty-five characters"


@pytest.fixture
def build_service() -> Callable[[Path, Peers], FastAPI]:
    def build_users(folder: Path, peers: Peers) -> FastAPI:
        peers.answer("GET", "http://files:8000/api/v1/files/", json=[])
        peers.answer("GET", "http://pipelines:8000/api/v1/pipelines/", json=[])
        settings = UsersSettings(data_dir=folder, nats_url="", api_secret_key=SECRET)
        return build(settings, transport=peers)

    return build_users
