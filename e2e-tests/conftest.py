"""One system for the whole session, on free ports, in a folder that is thrown away."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.leftovers import expect_no_leftovers
from harness.people import People, Person
from harness.quiet import QuietSystem, database_settings, quiet

from dev.stack import Stack
from shared.testing.fixtures import POSTGRES, SQLITE


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Shared by all: leave it as it is; who kills something starts a system of its own."""
    with Stack(tmp_path_factory.mktemp("system") / "data") as stack:
        yield stack
        expect_no_leftovers(stack)


@pytest.fixture(scope="session", params=[SQLITE, POSTGRES])
def quiet_system(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[QuietSystem]:
    """Its worker serves no module; one for each database."""
    is_postgres = request.param == POSTGRES
    settings = database_settings(request.getfixturevalue("postgres")) if is_postgres else {}
    with quiet(tmp_path_factory.mktemp(f"quiet-{request.param}"), settings) as system:
        yield system


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
