"""More replicas, and replicas that come and go, are nothing that a client could notice."""

from collections.abc import Iterator

import pytest
from harness.people import Person, step

from compose.conftest import SERVED
from compose.load import Load, Tally
from compose.project import ComposeProject
from compose.records import SERVICES, disagreements, leaders, told, unheard, waiting
from dev.environment import ROOT
from dev.waiting import eventually

REPLICAS = {"users": 2, "files": 2, "modules": 2, "pipelines": 2, "runs": 3, "portal": 2}
SETTLE_SECONDS_MAX = 90
IMAGE = ROOT / "examples/demo/images/digit-3-0749.png"
# More than one worker takes at once.
JOBS = 6
JOBS_SECONDS_MAX = 300
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module", autouse=True)
def _one_of_each_afterwards(project: ComposeProject) -> Iterator[None]:
    yield
    project.scale(**dict.fromkeys(REPLICAS, 1))


def test_scaling_up_under_load_fails_no_request_and_loses_no_event(
    project: ComposeProject, alice: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    with Load(alice, project.url) as load:
        project.scale(**REPLICAS)
    expect_nothing_amiss(project, alice, load.tally, "scaling up", capsys)

    assert {name: len(project.containers(name)) for name in REPLICAS} == REPLICAS


def test_one_relay_leads_per_database_however_many_replicas_there_are(
    project: ComposeProject,
) -> None:
    project.scale(**REPLICAS)

    eventually(lambda: leaders(project) == dict.fromkeys(SERVICES, 1), "one leader for each")


def test_a_rolling_restart_of_every_service_under_load_fails_no_request_and_loses_no_event(
    project: ComposeProject, alice: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    project.scale(**REPLICAS)
    with Load(alice, project.url) as load:
        project.restart_one_by_one(*REPLICAS)
    expect_nothing_amiss(project, alice, load.tally, "rolling restart of all", capsys)


def test_a_replica_that_is_killed_takes_at_most_what_it_had_in_hand(
    project: ComposeProject, alice: Person
) -> None:
    project.scale(**REPLICAS)
    project.kill(project.containers("pipelines")[0])
    answers = [alice.asks("GET", "/api/v1/pipelines/") for _ in range(50)]
    failed = [number for number, answer in enumerate(answers) if not answer.is_success]

    assert len(failed) <= 1, failed
    assert all("Retry-After" in answers[number].headers for number in failed)
    eventually(
        lambda: len(project.containers("pipelines")) == REPLICAS["pipelines"],
        "the replica was started again",
        seconds_max=SETTLE_SECONDS_MAX,
    )


def test_without_any_replica_clients_get_the_contracts_503(
    project: ComposeProject, alice: Person
) -> None:
    project.compose("stop", "modules")
    try:
        answer = alice.asks("GET", "/api/v1/modules/")
    finally:
        project.scale(**REPLICAS)

    assert answer.status_code == 503
    assert set(answer.json()) == {"detail"}
    assert answer.headers["Retry-After"]
    eventually(
        lambda: alice.asks("GET", "/api/v1/modules/").is_success,
        "modules is back",
        seconds_max=SETTLE_SECONDS_MAX,
    )


def test_two_workers_on_one_host_share_the_jobs_and_do_none_twice(
    project: ComposeProject, alice: Person
) -> None:
    pipeline = alice.builds_pipeline(step(SERVED, "Classify"))
    images = [alice.uploads(f"{n}.png", IMAGE.read_bytes()) for n in range(JOBS)]
    try:
        project.scale(execution=2)
        runs = [alice.runs(pipeline, [image]) for image in images]
        jobs = [job for run in runs for job in alice.waits_for(run, seconds_max=JOBS_SECONDS_MAX)]
    finally:
        project.scale(execution=1)

    assert [(job["status"], job["attempt"]) for job in jobs] == [("FINISHED", 1)] * JOBS
    assert len({job["worker"] for job in jobs}) == 2


def expect_nothing_amiss(
    project: ComposeProject,
    person: Person,
    tally: Tally,
    what: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No request failed, and in the end all agree about what has happened."""
    eventually(
        lambda: not waiting(project) and not unheard(project, told(project)),
        f"all is told and heard after {what}",
        seconds_max=SETTLE_SECONDS_MAX,
    )
    said = told(project)
    amiss = list(disagreements(project, tally, said, person.gets("/auth/user/")["id"]))
    with capsys.disabled():
        print(f"\n{what}: {tally}; {len(said)} events in the stream, {len(amiss)} lost or doubled")

    assert tally.failures == []
    assert amiss == []
