"""One system in containers for the whole session; made from nothing, and nothing of it is left."""

from collections.abc import Iterator

import pytest
from harness.people import People, Person
from harness.quiet import BRANCH, PROBE

from compose.project import ComposeProject
from dev.example_modules import BRANCH as EXAMPLES_BRANCH
from dev.example_modules import EXAMPLES

# The contract's module is served by nobody: its cases play the backend.
SERVED = "digits"
UPLOAD_BYTES_MAX = 8 * 1024 * 1024


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeProject]:
    folder = tmp_path_factory.mktemp("compose")
    settings = {
        "MLSPLOIT_MODULES": SERVED,
        "MLSPLOIT_FILES_UPLOAD_BYTES_MAX": str(UPLOAD_BYTES_MAX),
    }
    with ComposeProject(folder, settings) as project:
        for content, branch in ((EXAMPLES / SERVED, EXAMPLES_BRANCH), (PROBE, BRANCH)):
            url = project.publish(content, branch)
            project.manage("modules", "createmodule", content.name, url, "-b", branch)
        yield project


@pytest.fixture(scope="session")
def admin_token(project: ComposeProject) -> str:
    return project.manage("users", "drf_create_token", "admin").split()[2]


@pytest.fixture
def alice(project: ComposeProject) -> Iterator[Person]:
    with People(project.url) as everybody:
        yield everybody.register("alice")
