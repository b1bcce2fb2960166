"""The wall clock of a whole system is set, back and forward, while people work with it."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness.clock import WallClock
from harness.leftovers import expect_no_leftovers
from harness.people import Item, People, Person, step
from harness.quiet import command

from dev.stack import Stack
from dev.waiting import eventually

pytestmark = pytest.mark.attack
HOUR = 3600
RUNS = 4
SETTINGS = {
    "MLSPLOIT_MODULES": "helloworld",
    "MLSPLOIT_RUNS_LEASE_SECONDS": "6",
    "MLSPLOIT_RUNS_SWEEP_SECONDS": "0.5",
}


@dataclass(frozen=True)
class Timed:
    stack: Stack
    clock: WallClock
    people: People

    @property
    def admin(self) -> Person:
        token = command(self.stack, "drf_create_token", "admin").split()[2]
        return self.people.with_token("admin", token)


@pytest.fixture(scope="module")
def timed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Timed]:
    clock = WallClock(tmp_path_factory.mktemp("clock"))
    settings = SETTINGS | dict(clock.environment)
    with (
        Stack(tmp_path_factory.mktemp("timed") / "data", settings) as stack,
        People(stack.url) as people,
    ):
        assert_goes_by(clock)
        yield Timed(stack, clock, people)
        expect_no_leftovers(stack)


def assert_goes_by(clock: WallClock) -> None:
    """Another hour on the wall, and no other on the clock that nobody sets."""
    code = "import time; print(time.time() - time.monotonic())"

    def distance() -> float:
        done = subprocess.run(
            [sys.executable, "-c", code], env=dict(clock.environment), check=True, stdout=-1
        )
        return float(done.stdout)

    before = distance()
    clock.set_by(HOUR)
    assert round(distance() - before) == HOUR
    clock.set_by(0)


def greets(person: Person, name: str) -> tuple[Item, Item]:
    """A file, and a run of two jobs on it."""
    file = person.uploads(f"{name}.txt", name.encode())
    pipeline = person.builds_pipeline(
        step("helloworld", "Greet", repeat=2), step("helloworld", "Shout")
    )
    return file, person.runs(pipeline, [file])


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_nobody_is_logged_out_nothing_is_lost_and_each_job_is_done_once(
    timed: Timed, by: int
) -> None:
    timed.clock.set_by(0)
    alice, bob = timed.people.register("alice"), timed.people.register("bob")
    begun = [greets(alice, f"before{number}") for number in range(RUNS)]
    bob.asks("POST", "/auth/logout/")
    # Nobody but `users` has seen this token yet.
    dave = timed.people.register("dave")

    timed.clock.set_by(by)
    begun += [greets(alice, f"after{number}") for number in range(RUNS)]

    for file, run in begun:
        jobs = alice.waits_for(run)
        assert [(job["status"], job["attempt"]) for job in jobs] == [("FINISHED", 1)] * 2
        assert alice.downloads(file) == Path(file["name"]).stem.encode()
    assert len(alice.gets("/api/v1/runs/")) == len(begun)
    assert bob.asks("GET", "/auth/user/").status_code == 401
    assert [dave.gets(f"/api/v1/{each}/") for each in ("files", "runs", "pipelines")] == [[]] * 3
    carol = timed.people.register("carol")
    assert carol.gets("/api/v1/files/") == []


@pytest.mark.parametrize("by", [-HOUR, HOUR])
def test_the_job_of_a_backend_that_died_is_done_by_another(timed: Timed, by: int) -> None:
    timed.clock.set_by(0)
    alice = timed.people.register("alice")
    timed.stack.kill("execution")
    _, run = greets(alice, "silent")
    job = alice.sees_jobs(run)[0]
    claim = timed.admin.asks("POST", f"{job['url']}claim/", json={"worker": "dead"})
    assert claim.status_code == 200, claim.text

    timed.clock.set_by(by)
    timed.stack.restart("execution")

    first, second = alice.waits_for(run)
    assert [first["status"], second["status"]] == ["FINISHED"] * 2
    assert first["attempt"] == 2
    lease = {"lease": claim.json()["lease"]["token"], "status": "FAILED"}
    late = timed.admin.asks("PATCH", job["url"], json=lease)
    assert late.status_code == 409
    assert alice.gets(job["url"])["status"] == "FINISHED"


def test_a_deleted_file_leaves_the_disk_and_a_deleted_user_is_gone_at_once(timed: Timed) -> None:
    timed.clock.set_by(0)
    alice = timed.people.register("alice")
    file = alice.uploads("gone.txt", b"gone")
    me = alice.gets("/auth/user/")["url"]
    timed.clock.set_by(-HOUR)

    assert alice.asks("DELETE", file["url"]).status_code == 204
    assert alice.asks("DELETE", me).status_code == 204

    def is_refused_everywhere() -> bool:
        paths = ("files", "modules", "pipelines", "runs")
        return all(alice.asks("GET", f"/api/v1/{path}/").status_code == 401 for path in paths)

    eventually(is_refused_everywhere, "nobody believes the token", seconds_max=10)
    expect_no_leftovers(timed.stack)
