"""A container that is told to stop finishes what it has begun, and is gone within ten seconds."""

import json
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from harness.people import Person

from compose.commands import docker
from compose.project import ComposeProject
from dev.waiting import eventually

SERVICES = ("execution", "runs", "pipelines", "modules", "files", "users", "portal")
# What Docker gives a container before it kills it.
STOP_SECONDS_MAX = 10
BOUNDARY = "part"
HEAD = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="blob"; filename="slow.txt"\r\n\r\nfirst'
).encode()
TAIL = f" second\r\n--{BOUNDARY}--\r\n".encode()
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(autouse=True)
def _all_are_back_afterwards(project: ComposeProject) -> Iterator[None]:
    yield
    project.compose("up", "--detach", "--wait", "--no-recreate")


def test_an_upload_that_has_begun_is_finished_by_a_container_that_is_stopped(
    project: ComposeProject, alice: Person
) -> None:
    [container] = project.containers("files")
    url = f"http://{address(project, container)}:8000"
    stopping = threading.Thread(target=docker, args=("stop", container))

    def body() -> Iterator[bytes]:
        yield HEAD
        stopping.start()
        eventually(lambda: is_leaving(url), "the container says that it is leaving")
        yield TAIL

    headers = {
        "Authorization": f"Token {alice.token}",
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
    }
    answer = httpx.post(f"{url}/api/v1/files/", content=body(), headers=headers, trust_env=False)
    stopping.join()

    assert answer.status_code == 201, answer.text
    assert exit_code(container) == 0
    project.compose("up", "--detach", "--wait", "--no-recreate")
    made = f"/api/v1/files/{answer.json()['id']}/"
    eventually(lambda: alice.asks("GET", made).is_success, "the gateway has heard of its return")
    assert alice.downloads(made) == b"first second"


def test_every_container_ends_in_order_within_ten_seconds(project: ComposeProject) -> None:
    containers = {name: project.containers(name)[0] for name in SERVICES}
    seconds = {name: stopped(container) for name, container in containers.items()}
    codes = {name: exit_code(container) for name, container in containers.items()}

    assert codes == dict.fromkeys(SERVICES, 0), seconds
    assert max(seconds.values()) < STOP_SECONDS_MAX, seconds


def stopped(container: str) -> float:
    """How long Docker's own stop took, after which it would have killed."""
    began = time.monotonic()
    docker("stop", container)
    return time.monotonic() - began


def exit_code(container: str) -> int:
    state = json.loads(docker("inspect", container))[0]["State"]
    assert not state["Running"]
    return int(state["ExitCode"])


def is_leaving(url: str) -> bool:
    return httpx.get(f"{url}/livez", trust_env=False).status_code == 503


def address(project: ComposeProject, container: str) -> str:
    networks = json.loads(docker("inspect", container))[0]["NetworkSettings"]["Networks"]
    return str(networks[f"{project.name}_edge"]["IPAddress"])
