"""A system in containers that is lost is made again from its backup, and goes on with its work."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from harness.people import Item, People, Person, step

from compose.commands import take_down
from compose.project import ComposeProject
from compose.records import SERVICES, rows, waiting
from dev.environment import ROOT
from dev.waiting import eventually

COLLECTIONS = ("users", "files", "modules", "functions", "pipelines", "tasks", "runs", "jobs")
IMAGE = ROOT / "examples/demo/images/digit-3-0749.png"
# The first run makes the image of its module.
RUN_SECONDS_MAX = 600
FAIL = "exit 1"
KILL_THE_SCRIPT = "kill -9 $PPID"
pytestmark = pytest.mark.timeout(1500)


@dataclass(frozen=True)
class Copied:
    """A backup, and what the system held when it was made."""

    folder: Path
    listings: Any
    digests: dict[int, str]
    alice: Person
    run: Item


@pytest.fixture(scope="module")
def copied(
    project: ComposeProject, admin_token: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Copied]:
    """Made while a job is waiting that nobody does yet."""
    folder = tmp_path_factory.mktemp("backups") / "whole"
    with People(project.url) as people:
        admin, alice = people.with_token("admin", admin_token), people.register("alice")
        file = alice.uploads(IMAGE.name, IMAGE.read_bytes())
        pipeline = alice.builds_pipeline(step("digits", "Classify"))
        project.compose("stop", "execution")
        run = alice.runs(pipeline, [file])
        eventually(lambda: not waiting(project), "everybody has heard of it")
        held = listings(admin, project.url), digests(admin)
        printed = project.runs("deploy/backup.sh", str(folder))
        project.compose("up", "--detach", "--wait", "--no-recreate", "execution")

        assert printed.endswith(f"{folder} is a whole backup.\n")
        yield Copied(folder, *held, alice, run)


@pytest.fixture
def other(project: ComposeProject, tmp_path: Path) -> Iterator[ComposeProject]:
    """A host where nothing is yet."""
    other = project.without_data(tmp_path / "other")
    yield other
    take_down(other.compose)


def test_a_lost_system_is_restored_whole_and_does_the_jobs_that_waited(
    copied: Copied, other: ComposeProject, admin_token: str
) -> None:
    other.runs("deploy/restore.sh", str(copied.folder))
    with pytest.raises(RuntimeError, match="There is a system already"):
        other.runs("deploy/restore.sh", str(copied.folder))
    other.compose("up", "--detach", "--wait", "--scale=execution=0")

    with People(other.url) as people:
        admin = people.with_token("admin", admin_token)
        assert listings(admin, other.url) == copied.listings
        assert digests(admin) == copied.digests
        other.compose("up", "--detach", "--wait", "--no-recreate")
        alice = people.with_token("alice", copied.alice.token)
        [job] = alice.waits_for(copied.run, seconds_max=RUN_SECONDS_MAX)

    assert job["status"] == "FINISHED", job["logs"]


def test_the_system_that_was_copied_goes_on(copied: Copied) -> None:
    [job] = copied.alice.waits_for(copied.run, seconds_max=RUN_SECONDS_MAX)

    assert job["status"] == "FINISHED", job["logs"]


@pytest.mark.parametrize(("happens", "words"), [(FAIL, "No backup"), (KILL_THE_SCRIPT, "exit -9")])
def test_a_copy_that_breaks_off_is_none_and_leaves_nats_at_work(
    happens: str, words: str, project: ComposeProject, tmp_path: Path
) -> None:
    path = docker_where(tmp_path, "pg_dump*modules", happens)
    with pytest.raises(RuntimeError, match=words):
        project.runs("deploy/backup.sh", str(tmp_path / "part"), path=path)

    assert not (tmp_path / "part").exists()
    eventually(lambda: not is_paused(project), "NATS goes on")


def test_a_restoration_that_breaks_off_says_so_and_lets_no_service_in(
    copied: Copied, other: ComposeProject, tmp_path: Path
) -> None:
    path = docker_where(tmp_path, "pg_restore*--dbname=files", FAIL)
    with pytest.raises(RuntimeError, match="The restoration broke off"):
        other.runs("deploy/restore.sh", str(copied.folder), path=path)

    roles = "SELECT rolname FROM pg_roles WHERE NOT rolcanlogin AND rolname NOT LIKE 'pg%'"
    assert {row["rolname"] for row in rows(other, "postgres", roles)} == set(SERVICES)


def test_a_damaged_backup_restores_nothing(
    copied: Copied, other: ComposeProject, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(copied.folder, damaged)
    with (damaged / "databases" / "files.dump").open("ab") as dump:
        dump.write(b"one byte more")
    with pytest.raises(RuntimeError, match="is damaged"):
        other.runs("deploy/restore.sh", str(damaged))

    assert not other.containers("postgres")


def docker_where(folder: Path, called_with: str, happens: str) -> str:
    """A PATH in which the engine's own program is found, but for one call."""
    program = folder / "programs" / "docker"
    program.parent.mkdir()
    real = shutil.which("docker")
    script = f'#!/bin/sh\ncase "$*" in *{called_with}*) {happens} ;; esac\nexec {real} "$@"\n'
    program.write_text(script)
    program.chmod(0o755)
    return f"{program.parent}:{os.environ['PATH']}"


def listings(admin: Person, url: str) -> Any:
    """Everything that an administrator sees, without the port, which is another each time."""
    seen = {name: admin.gets(f"/api/v1/{name}/") for name in COLLECTIONS}
    return json.loads(json.dumps(seen).replace(url, ""))


def digests(admin: Person) -> dict[int, str]:
    files = admin.gets("/api/v1/files/")
    return {file["id"]: hashlib.sha256(admin.downloads(file)).hexdigest() for file in files}


def is_paused(project: ComposeProject) -> bool:
    return bool(project.compose("ps", "--quiet", "--status", "paused", "nats").strip())
