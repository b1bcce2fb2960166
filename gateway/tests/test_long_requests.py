"""Large uploads and endless answers pass through unbuffered and uncut."""

import time
from collections.abc import Iterator
from pathlib import Path

from gateway.tests.harness import Gateway, traefik

MEBIBYTE = 1024 * 1024


def test_an_upload_of_unknown_length_arrives_whole(gateway: Gateway) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(64):
            yield bytes(MEBIBYTE)

    response = gateway.client.post("/api/v1/files/", content=body())

    assert response.json()["size"] == 64 * MEBIBYTE


def test_the_first_event_of_a_stream_does_not_wait_for_the_second(gateway: Gateway) -> None:
    with gateway.client.stream("GET", "/api/v1/events/") as response:
        assert response.headers["content-type"] == "text/event-stream"
        assert next(response.iter_text()) == "data: first\n\n"


def test_an_open_stream_does_not_hold_up_the_end(upstreams: dict[str, str], tmp_path: Path) -> None:
    with (
        traefik(tmp_path, upstreams) as gateway,
        gateway.client.stream("GET", "/api/v1/events/") as response,
    ):
        next(response.iter_text())
        asked = time.monotonic()
        gateway.process.terminate()
        gateway.process.wait(timeout=10)

    assert time.monotonic() - asked < 6
