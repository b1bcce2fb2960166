"""An administrator's commands in containers do what they say, to a system that is at work."""

import re
from collections.abc import Iterator

import pytest
from harness.people import Person, accepted, step
from harness.quiet import BRANCH, PROBE

from compose.project import ComposeProject
from compose.records import SERVICES
from dev.environment import read_settings

NEW_PASSWORD = "quite-another-one-7"
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture
def without_nats_and_portal(project: ComposeProject) -> Iterator[None]:
    project.compose("stop", "nats", "portal")
    yield
    project.compose("up", "--detach", "--wait", "--no-recreate")


def manage(project: ComposeProject, *words: str) -> str:
    return project.runs("docker-manage-api.sh", *words)


def test_a_changed_password_is_the_one_that_counts(project: ComposeProject, alice: Person) -> None:
    manage(project, "changepassword", alice.username, "--password", NEW_PASSWORD)
    logins = [
        alice.http.post("/auth/login/", json={"username": alice.username, "password": password})
        for password in (alice.password, NEW_PASSWORD)
    ]

    assert [login.status_code for login in logins] == [400, 200]


def test_a_removed_module_is_offered_no_more(project: ComposeProject, alice: Person) -> None:
    manage(project, "createmodule", "spare", f"file:///repositories/{PROBE.name}", "-b", BRANCH)
    assert "spare" in offered(alice)
    manage(project, "removemodule", "spare")

    assert "spare" not in offered(alice)
    assert PROBE.name in offered(alice)


def test_a_job_is_taken_back_from_a_backend_that_is_gone(
    project: ComposeProject, alice: Person, admin_token: str
) -> None:
    pipeline = alice.builds_pipeline(step(PROBE.name, "ProbePlain"))
    run = alice.runs(pipeline, [alice.uploads("a.txt", b"a")])
    [job] = alice.sees_jobs(run)
    backend = Person(alice.http, "admin", "", admin_token)
    accepted(backend.asks("POST", f"{job['url']}claim/"))
    [claimed] = alice.sees_jobs(run)
    manage(project, "requeue", str(job["id"]))
    [waiting] = alice.sees_jobs(run)

    assert (claimed["status"], waiting["status"]) == ("RUNNING", "PENDING")
    # Nothing is left that would change by itself.
    assert alice.asks("DELETE", run["url"]).is_success


def test_a_definition_is_checked_before_anybody_registers_it(project: ComposeProject) -> None:
    assert "ProbePlain" in manage(project, "checkmodule", f"file:///repositories/{PROBE.name}")


def test_the_operator_may_spread_streams_from_a_container(project: ComposeProject) -> None:
    password = read_settings(project.folder, {})["MLSPLOIT_NATS_OPERATOR_PASSWORD"]
    as_operator = f"MLSPLOIT_NATS_URL=nats://operator:{password}@nats:4222"
    said = project.compose(
        *("run", "--rm", "--no-TTY", "--no-deps", "--env", as_operator), "users", "spreadstreams"
    )

    assert "MLSPLOIT_EVENTS\tkept 1 times" in said


@pytest.mark.usefixtures("without_nats_and_portal")
def test_the_doctor_says_what_is_stopped_and_what_to_do(project: ComposeProject) -> None:
    with pytest.raises(RuntimeError) as failed:
        project.compose("run", "--rm", "--no-TTY", "--no-deps", "users", "doctor")
    said = str(failed.value)
    faults = set(re.findall(r"^fault +([\w ]+):", said, re.MULTILINE))

    assert faults == {
        *(f"{name} is ready" for name in (*SERVICES, "portal")),
        *("NATS", "gateway", "way to portal"),
    }
    assert "-> Start NATS, or correct MLSPLOIT_NATS_URL" in said
    assert "-> Start it; why it ended is in `docker compose logs portal`" in said


def offered(person: Person) -> set[str]:
    return {module["name"] for module in person.gets("/api/v1/modules/")}
