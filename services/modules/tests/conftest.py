"""The modules service for its tests: real database, real git repositories in temporary folders."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi import FastAPI
from git import Actor, Repo

from services.modules import service
from services.modules.git_commands import Limits
from services.modules.main import build
from services.modules.models import Module
from services.modules.settings import ModulesSettings
from shared.db import Database
from shared.testing.peers import Peers

DEFINITION = (Path(__file__).parent / "definitions" / "00-valid.yaml").read_text()
AUTHOR = Actor("author", "author@example.org")


@pytest.fixture
def definition() -> str:
    """A valid module file: one function, Fn, with one option, opt."""
    return DEFINITION


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    def build_modules(folder: Path, peers: Peers) -> FastAPI:
        return build(
            ModulesSettings(data_dir=folder, nats_url="", database_url=database_url),
            transport=peers,
        )

    return build_modules


@pytest.fixture
def limits() -> Limits:
    return Limits(seconds_max=30, bytes_max=32 * 2**20)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """An empty repository of branch main; `commit` fills it."""
    folder = tmp_path / "repository"
    Repo.init(folder, initial_branch="main").close()
    return folder


@pytest.fixture
def commit(repository: Path) -> Callable[..., str]:
    """Commit this text (or these bytes) as this file; answers the commit."""

    def write(text: str | bytes = DEFINITION, file: str = "mlsploit_module.yaml") -> str:
        (repository / file).write_bytes(text if isinstance(text, bytes) else text.encode())
        with Repo(repository) as repo:
            repo.index.add([file])
            return repo.index.commit("change", author=AUTHOR, committer=AUTHOR).hexsha

    return write


@pytest.fixture
def register(database: Database, repository: Path, limits: Limits) -> Callable[..., object]:
    """Register the repository as it is, as the command does."""

    async def register_repository(name: str = "edge") -> Module:
        candidate = await service.fetch_candidate(name, str(repository), None, limits)
        async with database.transaction() as session:
            return await service.register_module(session, candidate)

    return register_repository
