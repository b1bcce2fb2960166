"""A system whose worker serves no module: who tests plays the backend, so nothing else moves."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from git import Actor, Repo

from dev.environment import ROOT
from dev.stack import Stack
from harness.leftovers import expect_no_leftovers
from shared.testing.postgres import PostgresServer

SERVICES = ("users", "files", "modules", "pipelines", "runs")
PROBE = Path(__file__).parent.parent / "contract" / "modules" / "probe"
# The cases of the contract were recorded with this branch.
BRANCH = "master"
# Nobody serves a module, one user may have as many streams as a process, and webhooks lead to ports
# of this machine.
QUIET = {
    "MLSPLOIT_MODULES": "",
    "MLSPLOIT_RUNS_LIVE_STREAMS_PER_USER_MAX": "2000",
    "MLSPLOIT_RUNS_WEBHOOK_PRIVATE_ADDRESSES_ALLOWED": "true",
    "MLSPLOIT_RUNS_WEBHOOK_HTTP_ALLOWED": "true",
}
AUTHOR = Actor("author", "author@example.org")


@dataclass(frozen=True)
class QuietSystem:
    """The module `probe` is registered; it has a definition, but nothing that could run."""

    stack: Stack
    probe: str
    admin_token: str

    @property
    def url(self) -> str:
        return self.stack.url

    def register_probe_as(self, name: str) -> None:
        command(self.stack, "createmodule", name, self.probe, "-b", BRANCH)


@contextmanager
def quiet(folder: Path, settings: Mapping[str, str]) -> Iterator[QuietSystem]:
    """Nothing may be left in it, once everybody has gone home."""
    probe = publish(folder / "probe")
    with Stack(folder / "data", QUIET | dict(settings)) as stack:
        said = command(stack, "drf_create_token", "admin")
        system = QuietSystem(stack, probe, said.split()[2])
        system.register_probe_as("probe")
        yield system
        expect_no_leftovers(stack)


def database_settings(server: PostgresServer) -> dict[str, str]:
    """A database for each service, all empty."""
    urls = {name: asyncio.run(server.empty_database(f"quiet_{name}")) for name in SERVICES}
    return {f"MLSPLOIT_{name.upper()}_DATABASE_URL": url for name, url in urls.items()}


def command(stack: Stack, *arguments: str) -> str:
    """What an administrator's command prints."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=stack.environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def publish(folder: Path) -> str:
    """The module `probe` as a repository of its own in this new folder; returns its address."""
    shutil.copytree(PROBE, folder)
    with Repo.init(folder, initial_branch=BRANCH) as repository:
        repository.index.add([path.name for path in PROBE.iterdir()])
        repository.index.commit("Publish", author=AUTHOR, committer=AUTHOR)
    return folder.as_uri()
