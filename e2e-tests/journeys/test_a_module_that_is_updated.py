"""Who changes a module, and then starts a run, gets what is registered now, however fast it goes.

Runs believe for a moment what they were told of functions; a change is over when that has passed.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from git import Repo
from harness.people import People, Person, accepted, step
from harness.quiet import AUTHOR, BRANCH, QuietSystem, command, publish

UPDATES = 10
# Nobody else has to see this module.
NAME = "often"


@pytest.fixture
def people(quiet_system: QuietSystem) -> Iterator[People]:
    with People(quiet_system.url) as everybody:
        yield everybody


@pytest.fixture
def repository(tmp_path: Path, quiet_system: QuietSystem) -> Iterator[Repo]:
    folder = tmp_path / NAME
    command(quiet_system.stack, "createmodule", NAME, publish(folder), "-b", BRANCH)
    with Repo(folder) as repository:
        yield repository
    if f"{NAME}\t" in command(quiet_system.stack, "listmodules"):
        command(quiet_system.stack, "removemodule", NAME)


@pytest.fixture
def admin(people: People, quiet_system: QuietSystem) -> Person:
    return people.with_token("admin", quiet_system.admin_token)


def test_a_run_between_two_updates_is_of_the_commit_in_between(
    alice: Person, admin: Person, repository: Repo
) -> None:
    [module] = [each for each in alice.gets("/api/v1/modules/") if each["name"] == NAME]
    pipeline = alice.builds_pipeline(step(NAME, "ProbePlain"))
    fetched = [repository.head.commit.hexsha]
    runs = [alice.runs(pipeline, [])]
    for number in range(UPDATES):
        new = repository.index.commit(f"Change {number}", author=AUTHOR, committer=AUTHOR)

        # So that what is known of the functions is as fresh as it can be.
        alice.runs(pipeline, [])
        updated = accepted(admin.asks("POST", f"{module['url']}update/"))
        runs.append(alice.runs(pipeline, []))

        assert updated["commit"] == new.hexsha
        fetched.append(new.hexsha)

    assert [alice.sees_jobs(run)[0]["commit"] for run in runs] == fetched


@pytest.mark.usefixtures("repository")
def test_no_run_starts_once_somebody_was_told_that_the_module_is_gone(
    alice: Person, admin: Person
) -> None:
    [module] = [each for each in alice.gets("/api/v1/modules/") if each["name"] == NAME]
    pipeline = alice.builds_pipeline(step(NAME, "ProbePlain"))
    alice.runs(pipeline, [])

    assert admin.asks("DELETE", module["url"]).status_code == 204
    answer = alice.asks("POST", "/api/v1/runs/", json={"pipeline": pipeline["url"], "files": []})

    assert (answer.status_code, list(answer.json())) == (400, ["pipeline"])
