"""The runs service for its tests: real database and tokens; its neighbours are played."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from services.runs.main import build
from services.runs.settings import RunsSettings
from services.runs.testing import Api, Neighbours
from shared.testing.peers import Peers
from shared.testing.tokens import Signer


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    def build_runs(folder: Path, peers: Peers) -> FastAPI:
        return build(
            RunsSettings(data_dir=folder, nats_url="", database_url=database_url), transport=peers
        )

    return build_runs


@pytest.fixture
def settings(app: FastAPI) -> RunsSettings:
    """Of the running service: a test may change them."""
    found: RunsSettings = app.state.settings
    return found


@pytest.fixture
def neighbours(peers: Peers) -> Neighbours:
    return Neighbours(peers)


@pytest.fixture
def api(client: httpx.AsyncClient, signer: Signer, neighbours: Neighbours) -> Api:
    return Api(client, signer, neighbours)
