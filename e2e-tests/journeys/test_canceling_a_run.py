"""A canceled run stops what runs for it, on the worker too, and makes room for the next."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from git import Actor, Repo
from harness.leftovers import expect_no_leftovers
from harness.orphans import orphans_of
from harness.people import People, accepted, step
from harness.quiet import command

from dev.stack import Stack
from dev.waiting import eventually

AUTHOR = Actor("author", "author@example.org")
DEFINITION = """\
display_name: Sleeper
tagline: Sleeps
doctxt: For tests.
functions:
- name: Sleep
  doctxt: Sleeps for longer than anybody waits.
  options: []
  creates_new_files: false
  modifies_input_files: false
  expected_filetype: txt
"""


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Stack]:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "mlsploit_module.yaml").write_text(DEFINITION)
    (folder / "run.sh").write_text("trap '' TERM; echo asleep; sleep 3600; sleep 3600\n")
    with Repo.init(folder, initial_branch="main") as repository:
        repository.index.add(["mlsploit_module.yaml", "run.sh"])
        repository.index.commit("Publish", author=AUTHOR, committer=AUTHOR)
    # A heartbeat would come too late: the event must be heard.
    settings = {"MLSPLOIT_MODULES": "sleeper", "MLSPLOIT_RUNS_LEASE_SECONDS": "3600"}
    with Stack(tmp_path / "data", settings) as stack:
        command(stack, "createmodule", "sleeper", folder.as_uri(), "-b", "main")
        yield stack
        expect_no_leftovers(stack)


def test_a_canceled_run_stops_its_module_at_once(system: Stack) -> None:
    jobs_folder = system.worker_dir / "jobs"
    with People(system.url) as people:
        alice = people.register("alice")
        run = alice.runs(alice.builds_pipeline(step("sleeper", "Sleep")), [])
        eventually(
            lambda: "asleep" in (alice.sees_jobs(run)[0]["logs"] or ""), "asleep", seconds_max=120
        )
        assert orphans_of(jobs_folder)

        accepted(alice.asks("POST", f"{run['url']}cancel/"))
        eventually(lambda: not orphans_of(jobs_folder), "nothing runs", seconds_max=60)
        eventually(lambda: not list(jobs_folder.iterdir()), "its folder is gone", seconds_max=60)

        [job] = alice.sees_jobs(run)
    assert job["status"] == "CANCELED"
    assert "asleep" in job["logs"]
