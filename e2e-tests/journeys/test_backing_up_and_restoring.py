"""A system that is lost is made again from its backup: the same things, and it works on."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from harness.leftovers import expect_no_leftovers
from harness.people import People, Person, step
from harness.quiet import command

from dev.environment import ROOT, fresh_secret
from dev.stack import Stack
from dev.waiting import eventually

OF_USERS = ["files", "pipelines"]
COLLECTIONS = ("users", "files", "modules", "functions", "pipelines", "tasks", "runs", "jobs")


def make(module: str, stack: Stack, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What `make backup` and `make restore` start."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=stack.environment(),
        check=False,
        capture_output=True,
        text=True,
    )


def listings(admin: Person, stack: Stack) -> dict[str, Any]:
    """Everything that an administrator sees, without the port, which is another each time."""
    seen = {name: admin.gets(f"/api/v1/{name}/") for name in COLLECTIONS}
    text = json.dumps(seen).replace(stack.url, "")
    found: dict[str, Any] = json.loads(text)
    return found


def digests_of(admin: Person) -> dict[int, str]:
    files = admin.gets("/api/v1/files/")
    return {file["id"]: hashlib.sha256(admin.downloads(file)).hexdigest() for file in files}


def finished_run(person: Person) -> None:
    files = [person.uploads("ada.txt", b"Ada\n"), person.uploads("big.bin", os.urandom(2_000_000))]
    pipeline = person.builds_pipeline(step("helloworld", "Shout"))
    [job] = person.waits_for(person.runs(pipeline, files[:1]))
    assert job["status"] == "FINISHED", job["logs"]


def delete_a_pipeline_of_which_nobody_hears(person: Person, stack: Stack) -> int:
    """NATS stands still: what is to be told waits. Returns the id of its run."""
    [pipeline] = person.gets("/api/v1/pipelines/")
    [run] = person.gets("/api/v1/runs/")
    os.kill(stack.pids["nats"], signal.SIGSTOP)
    assert person.asks("DELETE", pipeline["url"]).status_code == 204
    run_id: int = run["id"]
    return run_id


@pytest.mark.timeout(600)
def test_a_restored_system_has_everything_and_works_on(a_folder: Path, tmp_path: Path) -> None:
    # What an operator keeps apart from the backup.
    names = ("MLSPLOIT_API_SECRET_KEY", "MLSPLOIT_FILES_LINK_KEY")
    settings = {name: fresh_secret() for name in names}
    backup = str(tmp_path / "backup")
    with Stack(a_folder, settings) as stack, People(stack.url) as people:
        admin = people.with_token("admin", command(stack, "drf_create_token", "admin").split()[2])
        alice, bob = people.register("alice"), people.register("bob")
        finished_run(alice)
        finished_run(bob)
        before, contents = listings(admin, stack), digests_of(admin)
        doomed = delete_a_pipeline_of_which_nobody_hears(bob, stack)

        done = make("dev.back_up", stack, backup)

        assert done.returncode == 0, done.stderr
        assert make("dev.restore", stack, backup).returncode == 1, "a system is there already"
        token = alice.token

    shutil.rmtree(a_folder)
    restored = Stack(a_folder, settings)
    done = make("dev.restore", restored, backup)
    assert done.returncode == 0, done.stderr

    with restored as stack, People(stack.url) as people:
        admin = people.with_token("admin", admin.token)

        def bobs_run_is_gone() -> bool:
            """And what it has made, as without all this."""
            runs, files = admin.gets("/api/v1/runs/"), admin.gets("/api/v1/files/")
            is_gone = doomed not in [run["id"] for run in runs]
            return is_gone and len(files) == len(before["files"]) - 1

        eventually(bobs_run_is_gone, "what waited to be told is told", seconds_max=60)
        after = listings(admin, stack)
        kept = {file["id"] for file in after["files"]}
        assert after == without_the_run(before, doomed, kept)
        assert digests_of(admin) == {k: v for k, v in contents.items() if k in kept}
        alice = people.with_token("alice", token)
        finished_run(alice)
        expect_no_leftovers(stack)


def without_the_run(seen: dict[str, Any], run_id: int, files: set[int]) -> dict[str, Any]:
    """The listings, less a run with its pipeline, jobs, tasks and outputs."""
    [run] = [run for run in seen["runs"] if run["id"] == run_id]
    gone = {run["url"], run["pipeline"], *run["jobs"]}
    outputs = {f["url"] for f in seen["files"] if f["kind"] == "OUTPUT" and f["id"] not in files}
    assert len(outputs) == 1
    kept = {
        name: [
            item
            for item in items
            if item["url"] not in gone | outputs and item.get("pipeline") not in gone
        ]
        for name, items in seen.items()
    }
    for items, names in ((kept["files"], ["modified_versions"]), (kept["users"], OF_USERS)):
        for item in items:
            item |= {
                name: [url for url in item[name] if url not in gone | outputs] for name in names
            }
    return kept
