"""What goes takes all that hangs on it along, in every service, in a moment."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import pytest
from harness.leftovers import expect_no_leftovers
from harness.people import Item, People, Person, accepted, step
from harness.quiet import QuietSystem

from dev.waiting import eventually

# A busy machine takes its time; how fast it is otherwise is not for a test to say.
CASCADE_SECONDS_MAX = 20.0


@dataclass(frozen=True)
class Belongings:
    """One of everything: a run whose job has an output file and a log, and works no more."""

    input: Item
    pipeline: Item
    run: Item
    job: Item
    output: Item


@pytest.fixture
def people(quiet_system: QuietSystem) -> Iterator[People]:
    with People(quiet_system.url) as everybody:
        yield everybody


@pytest.fixture
def admin(people: People, quiet_system: QuietSystem) -> Person:
    return people.with_token("admin", quiet_system.admin_token)


@pytest.fixture
def things(alice: Person, admin: Person) -> Belongings:
    return one_of_everything(alice, admin)


def one_of_everything(alice: Person, backend: Person, *, module: str = "probe") -> Belongings:
    file = alice.uploads("a.txt", b"in")
    pipeline = alice.builds_pipeline(step(module, "ProbePlain"))
    run = alice.runs(pipeline, [file])
    [job] = alice.sees_jobs(run)
    output = backend.uploads("a.txt", b"out", owner=run["owner"], kind="OUTPUT")
    for body in (
        {"status": "RUNNING"},
        {"logs": "working\n"},
        {"output_files": [output["url"]]},
        {"status": "FINISHED"},
    ):
        accepted(backend.asks("PATCH", job["url"], json=body))
    return Belongings(file, pipeline, run, job, output)


def test_a_user_takes_everything_along(
    alice: Person, admin: Person, things: Belongings, quiet_system: QuietSystem
) -> None:
    me = alice.gets("/auth/user/")

    accepted_deletion(admin, me)

    everything = (things.input, things.pipeline, things.run, things.job, things.output)
    expect_gone(admin, *everything)
    blob = things.input["blob_url"]
    in_a_moment(lambda: admin.http.get(blob).status_code == 404, "the content is gone")
    assert alice.asks("GET", "/api/v1/files/").status_code == 401
    expect_no_leftovers(quiet_system.stack)


def test_a_pipeline_takes_its_runs_along_and_leaves_the_input_files(
    alice: Person, things: Belongings, quiet_system: QuietSystem
) -> None:
    accepted_deletion(alice, things.pipeline)

    expect_gone(alice, things.run, things.job, things.output)
    assert alice.gets("/api/v1/tasks/") == []
    in_a_moment(lambda: may_delete(alice, things.input), "the input file is free")
    expect_no_leftovers(quiet_system.stack)


def test_a_run_takes_what_it_made_along_and_frees_its_input_files(
    alice: Person, things: Belongings, quiet_system: QuietSystem
) -> None:
    assert not may_delete(alice, things.input)

    accepted_deletion(alice, things.run)

    expect_gone(alice, things.job, things.output)
    in_a_moment(lambda: alice.gets(things.pipeline["url"])["runs"] == [], "no run is listed")
    in_a_moment(lambda: may_delete(alice, things.input), "the input file is free")
    expect_no_leftovers(quiet_system.stack)


def test_a_module_leaves_tasks_without_a_function_that_refuse_to_run(
    alice: Person, admin: Person, quiet_system: QuietSystem
) -> None:
    name = f"doomed-{secrets.token_hex(4)}"
    quiet_system.register_probe_as(name)
    things = one_of_everything(alice, admin, module=name)
    [module] = [one for one in admin.gets("/api/v1/modules/") if one["name"] == name]

    accepted_deletion(admin, module)

    [task] = things.pipeline["tasks"]
    in_a_moment(lambda: alice.gets(task["url"])["function"] is None, "the task has no function")
    body = {"pipeline": things.pipeline["url"], "files": []}
    refused = alice.asks("POST", "/api/v1/runs/", json=body)
    assert (refused.status_code, list(refused.json())) == (400, ["pipeline"])
    assert alice.gets(things.job["url"])["status"] == "FINISHED"
    expect_no_leftovers(quiet_system.stack)


def test_an_output_that_two_jobs_list_goes_from_the_other_job_too(
    alice: Person, admin: Person, things: Belongings, quiet_system: QuietSystem
) -> None:
    other = one_of_everything(alice, admin)
    both = [other.output["url"], things.output["url"]]
    accepted(admin.asks("PATCH", other.job["url"], json={"output_files": both}))

    accepted_deletion(alice, things.run)

    expect_gone(alice, things.output)
    left = [other.output["url"]]
    in_a_moment(
        lambda: bool(alice.gets(other.job["url"])["output_files"] == left), "one output is listed"
    )
    expect_no_leftovers(quiet_system.stack)


def accepted_deletion(person: Person, item: Item) -> None:
    answer = person.asks("DELETE", item["url"])
    assert answer.status_code == 204, answer.text


def may_delete(person: Person, file: Item) -> bool:
    """Whether the file goes; a second time it is gone already."""
    return person.asks("DELETE", file["url"]).status_code in (204, 404)


def expect_gone(person: Person, *items: Item) -> None:
    for url in [item["url"] for item in items]:
        gone = partial(is_gone, person, url)
        in_a_moment(gone, f"{url} is gone")


def is_gone(person: Person, url: str) -> bool:
    return person.asks("GET", url).status_code == 404


def in_a_moment(holds: Callable[[], bool], what: str) -> None:
    eventually(holds, what, seconds_max=CASCADE_SECONDS_MAX)
