"""More replicas, and replicas that come and go, are nothing that a client could notice."""

import time

import pytest
from harness.people import Person

from compose.load import Load
from compose.project import ComposeProject
from dev.waiting import eventually

SERVICES = ("users", "files", "modules", "pipelines", "runs", "portal")
REPLICAS = 2
pytestmark = pytest.mark.timeout(1800)


def test_a_rolling_restart_of_every_service_under_load_fails_no_request(
    project: ComposeProject, alice: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    project.scale(**dict.fromkeys(SERVICES, REPLICAS))
    for service in SERVICES:
        assert len(project.containers(service)) == REPLICAS
    started = time.monotonic()
    with Load(alice, project.url) as load:
        project.restart_one_by_one(*SERVICES)
    tally = load.tally
    with capsys.disabled():
        print(
            f"\nrolling restart of {len(SERVICES)} services x {REPLICAS}: "
            f"{tally.statuses.total()} requests in {time.monotonic() - started:.0f} s, "
            f"{len(tally.failures)} failed, {dict(tally.statuses)}"
        )

    assert tally.failures == []
    assert sorted(made["url"] for made in alice.gets("/api/v1/files/")) == sorted(tally.files)
    assert sorted(made["url"] for made in alice.gets("/api/v1/pipelines/")) == sorted(
        tally.pipelines
    )


def test_a_replica_that_is_killed_is_missed_by_nobody_for_long(
    project: ComposeProject, alice: Person
) -> None:
    project.scale(pipelines=REPLICAS)
    killed = project.containers("pipelines")[0]
    project.kill(killed)

    def is_whole() -> bool:
        return len(project.containers("pipelines")) == REPLICAS

    answers = [alice.asks("GET", "/api/v1/pipelines/").status_code for _ in range(50)]

    assert set(answers) == {200}
    eventually(is_whole, "the replica was started again", seconds_max=90)


def test_without_any_replica_clients_get_the_contracts_503(
    project: ComposeProject, alice: Person
) -> None:
    project.compose("stop", "modules")
    try:
        answer = alice.asks("GET", "/api/v1/modules/")
    finally:
        project.compose("up", "--detach", "--wait", "--no-recreate", "modules")

    assert answer.status_code == 503
    assert set(answer.json()) == {"detail"}
    assert answer.headers["Retry-After"]
    eventually(
        lambda: alice.asks("GET", "/api/v1/modules/").is_success,
        "modules is back",
        seconds_max=60,
    )
