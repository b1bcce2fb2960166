"""One system for the whole session, on free ports, in a folder that is thrown away."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.people import People, Person

from dev.stack import Stack


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Shared by all: leave it as it is; who kills something starts a system of its own."""
    with Stack(tmp_path_factory.mktemp("system") / "data") as stack:
        yield stack


@pytest.fixture(scope="session")
def people(system: Stack) -> Iterator[People]:
    with People(system.url) as everybody:
        yield everybody


@pytest.fixture
def alice(people: People) -> Person:
    return people.register("alice")


@pytest.fixture
def bob(people: People) -> Person:
    return people.register("bob")


@pytest.fixture
def a_folder(tmp_path: Path) -> Path:
    """A data directory for a system of one's own."""
    return tmp_path / "data"
