"""Whichever process is killed: it is named, all stops cleanly, and work goes on afterwards."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.orphans import expect_no_orphans
from harness.people import Item, People, Person, step
from harness.systems import ForegroundSystem

from dev.specs import load_specs

PROCESSES = [spec.name for spec in load_specs() if not spec.runs_once]


@pytest.fixture
def own_system(tmp_path: Path) -> Iterator[ForegroundSystem]:
    with ForegroundSystem(tmp_path / "data") as system:
        yield system


@pytest.fixture(scope="module")
def often_killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForegroundSystem]:
    """One system whose processes die one after the other, so that each death costs one start."""
    folder = tmp_path_factory.mktemp("often-killed") / "data"
    # Only the module that is used, so that no environment is made for another meanwhile.
    with ForegroundSystem(folder, {"MLSPLOIT_MODULES": "helloworld"}) as system:
        yield system


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", PROCESSES)
def test_a_killed_process_is_named_and_its_work_goes_on_after_a_restart(
    often_killed: ForegroundSystem, name: str
) -> None:
    system = often_killed
    system.ensure_running()
    with People(system.url) as people:
        alice = people.register("alice")
        run = a_run_of_three_jobs(alice)

    os.kill(system.state["pids"][name], signal.SIGKILL)

    assert system.wait_until_ended() == 1
    assert f"{name} was killed by SIGKILL" in system.said
    assert "Traceback" not in system.said
    expect_no_orphans(system.data_dir)
    system.start()
    system.wait_until_ready()
    with People(system.url) as people:
        jobs = people.with_token(alice.username, alice.token).waits_for(run)
    assert [job["status"] for job in jobs] == ["FINISHED"] * 3, [job["logs"] for job in jobs]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_within_seconds(
    own_system: ForegroundSystem, number: signal.Signals
) -> None:
    own_system.process.send_signal(number)

    assert own_system.wait_until_ended(seconds_max=15) == 0
    assert "Traceback" not in own_system.said
    expect_no_orphans(own_system.data_dir)


def test_a_supervisor_that_is_killed_leaves_nothing_behind(own_system: ForegroundSystem) -> None:
    with People(own_system.url) as people:
        a_run_of_three_jobs(people.register("alice"))

    own_system.process.kill()
    own_system.wait_until_ended()

    expect_no_orphans(own_system.data_dir)


def a_run_of_three_jobs(alice: Person) -> Item:
    files = [alice.uploads(f"{name}.txt", name.encode()) for name in ("ada", "alan", "grace")]
    pipeline = alice.builds_pipeline(
        step("helloworld", "Greet", repeat=3),
        step("helloworld", "Shout"),
        step("helloworld", "Shout"),
    )
    return alice.runs(pipeline, files)
