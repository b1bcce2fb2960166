"""What stands between the world and the services: one port, limits, and a line for each request."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from harness.people import Person

from compose.commands import docker
from compose.conftest import UPLOAD_BYTES_MAX
from compose.project import ComposeProject
from compose.records import told
from dev.waiting import eventually

HEADER_BYTES_MAX = 65536
pytestmark = pytest.mark.timeout(1500)


def test_only_the_gateway_publishes_a_port(project: ComposeProject) -> None:
    ids = project.compose("ps", "--quiet").split()
    found = [json.loads(docker("inspect", container))[0] for container in ids]
    published = {
        container["Config"]["Labels"]["com.docker.compose.service"]
        for container in found
        if any(container["NetworkSettings"]["Ports"].values())
    }

    assert published == {"gateway"}


def test_an_upload_beyond_the_limit_is_413_in_json_and_leaves_nothing(alice: Person) -> None:
    def body() -> Iterator[bytes]:
        yield b'--p\r\nContent-Disposition: form-data; name="blob"; filename="large"\r\n\r\n'
        for _ in range(UPLOAD_BYTES_MAX // 65536 + 2):
            yield bytes(65536)
        yield b"\r\n--p--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=p"}
    answer = alice.asks("POST", "/api/v1/files/", content=body(), headers=headers)

    assert answer.status_code == 413, answer.text
    assert set(answer.json()) == {"detail"}
    assert alice.gets("/api/v1/files/") == []


def test_headers_beyond_the_limit_are_431(alice: Person) -> None:
    answer = alice.asks("GET", "/api/v1/files/", headers={"X-Long": "x" * 2 * HEADER_BYTES_MAX})

    assert answer.status_code == 431


def test_a_request_is_found_by_its_id_in_the_gateways_log_and_in_the_services(
    project: ComposeProject, alice: Person
) -> None:
    answer = alice.asks("GET", "/api/v1/files/")
    request_id = answer.headers["X-Request-ID"]
    [line] = eventually(lambda: lines(project, "gateway", request_id), "the gateway's line")
    of_the_service = eventually(lambda: lines(project, "files", request_id), "the service's line")

    assert line["RequestMethod"] == "GET"
    assert line["RequestPath"].startswith("/api/v1/files/")
    assert line["DownstreamStatus"] == answer.status_code
    assert alice.token not in json.dumps(line)
    assert {one["x-request-id"] for one in of_the_service} == {request_id}


def test_the_gateways_log_tells_no_link_to_a_content_and_no_query(
    project: ComposeProject, alice: Person
) -> None:
    file = alice.uploads("kept.txt", b"kept")
    link = file["blob_url"].split("/")[-2]
    answer = alice.http.get(f"{file['blob_url']}?token={alice.token}")
    asked = alice.asks("GET", f"/api/v1/files/?token={alice.token}").headers["X-Request-ID"]
    fetched = answer.headers["X-Request-ID"]
    eventually(lambda: lines(project, "gateway", asked), "the gateway's line")
    eventually(lambda: lines(project, "files", fetched), "the service's line")

    assert answer.content == b"kept"
    for service in ("gateway", "files"):
        log = project.compose("logs", "--no-color", service)
        assert link not in log
        assert alice.token not in log


def test_events_outlive_the_container_that_keeps_them(
    project: ComposeProject, alice: Person
) -> None:
    before = told(project)
    project.compose("up", "--detach", "--wait", "--force-recreate", "--no-deps", "nats")
    file = alice.uploads("beside.txt", b"NATS was away")
    alice.asks("DELETE", file["url"])
    after = eventually(
        lambda: [one for one in told(project) if one.data.get("file_id") == file["id"]],
        "what happened meanwhile is told",
        seconds_max=60,
    )

    assert before
    assert len(after) == 1
    assert {one.id for one in before} <= {one.id for one in told(project)}


def lines(project: ComposeProject, service: str, request_id: str) -> list[dict[str, Any]]:
    log = project.compose("logs", "--no-color", "--no-log-prefix", service)
    # Compose writes codes for a terminal before some lines, whoever reads.
    return [json.loads(line[line.index("{") :]) for line in log.splitlines() if request_id in line]
