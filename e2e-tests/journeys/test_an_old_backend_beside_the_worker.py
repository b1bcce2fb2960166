"""The original's backend and ours serve one module of one system: no job is run by both."""

import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from git import Actor, Repo
from harness.leftovers import expect_no_leftovers
from harness.old_backend import OldBackend
from harness.people import Item, People, Person, step
from harness.quiet import command

from dev.stack import Stack

RUNS = 15
JOBS_PER_RUN = 2
AUTHOR = Actor("author", "author@example.org")

DEFINITION = """\
display_name: Trace
tagline: Leaves a trace of each time it runs
doctxt: For tests.
functions:
- name: Trace
  doctxt: Adds a line to a file, and hands on what it got.
  options:
  - name: token
    type: str
    doctxt: The line.
    required: true
  - name: path
    type: str
    doctxt: The file.
    required: true
  creates_new_files: false
  modifies_input_files: true
  expected_filetype: txt
"""
RUN = """\
set -e
cd "${MLSPLOIT_JOB_DIR}"
word() { sed -n "s/.*\\"$1\\": \\"\\([^\\"]*\\)\\".*/\\1/p" input/input.json; }
echo "$(word token) ${BACKEND:-worker}" >> "$(word path)"
for name in input/*.txt; do { cat "$name"; echo more; } > "output/${name#input/}"; done
echo '{"files": ["a.txt"], "files_modified": ["a.txt"], "files_created": [], "tags": [{}]}' \\
    > output/output.json
echo traced
"""


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trace")
    (folder / "mlsploit_module.yaml").write_text(DEFINITION)
    (folder / "run.sh").write_text(RUN)
    with Repo.init(folder, initial_branch="main") as repository:
        repository.index.add(["mlsploit_module.yaml", "run.sh"])
        repository.index.commit("Publish", author=AUTHOR, committer=AUTHOR)
    return folder


@pytest.fixture(scope="module")
def system(module: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("both") / "data"
    with Stack(folder, {"MLSPLOIT_MODULES": "trace"}) as stack:
        command(stack, "createmodule", "trace", module.as_uri(), "-b", "main")
        yield stack
        expect_no_leftovers(stack)


@pytest.mark.timeout(300)
def test_each_job_is_run_once_by_one_of_the_two(
    system: Stack, module: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    token = command(system, "drf_create_token", "admin").split()[2]
    with People(system.url) as people, OldBackend(system.url, token, module) as old:
        alice = people.register("alice")
        file = alice.uploads("a.txt", b"first\n")
        tokens = [[secrets.token_hex(8) for _ in range(JOBS_PER_RUN)] for _ in range(RUNS)]
        runs = [_start(alice, file, trace, of_run) for of_run in tokens]
        jobs = [job for run in runs for job in alice.waits_for(run)]
        results = [alice.downloads(alice.sees_jobs(run)[-1]["output_files"][0]) for run in runs]

    assert [job["status"] for job in jobs] == ["FINISHED"] * RUNS * JOBS_PER_RUN, old.faults
    assert results == [b"first\n" + b"more\n" * JOBS_PER_RUN] * RUNS
    lines = [line.split() for line in trace.read_text().splitlines()]
    assert Counter(line[0] for line in lines) == {one: 1 for each in tokens for one in each}
    assert {line[1] for line in lines} == {"old", "worker"}
    assert all("traced" in job["logs"] for job in jobs)


def _start(alice: Person, file: Item, trace: Path, tokens: list[str]) -> Item:
    steps = [step("trace", "Trace", token=token, path=str(trace)) for token in tokens]
    return alice.runs(alice.builds_pipeline(*steps), [file])
