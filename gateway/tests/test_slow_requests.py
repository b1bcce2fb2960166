"""A request has a time to arrive in, at a gateway that gives it one second; an answer has not.

Go's HTTP server cannot answer while it waits for the next piece of a body: a client that announces
too much and then is silent hears of its refusal only when its time is over.
"""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from gateway.tests.harness import (
    SERVICES,
    START_SECONDS_MAX,
    Gateway,
    answer,
    eventually,
    serving,
    traefik,
)

pytestmark = pytest.mark.attack
REQUEST_SECONDS_MAX = 1
HEAD = b"POST /api/v1/files/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token t\r\n"


class Service:
    """Refuses a large body unread, waits for the rest of another, and streams without an end."""

    def __init__(self) -> None:
        self.has_lost_a_client = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        if scope["path"] == "/api/v1/events/":
            await stream(send)
        elif int(headers.get(b"content-length", 0)) > 1000:
            await answer(send, 413, {"detail": "at most 1000 bytes"})
        else:
            while (message := await receive()).get("more_body"):
                pass
            self.has_lost_a_client |= message["type"] == "http.disconnect"
            await answer(send, 200, {})


async def stream(send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while True:
        await send({"type": "http.response.body", "body": b"data: x\n\n", "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.Event().wait()


@pytest.fixture(scope="module")
def service() -> Service:
    return Service()


@pytest.fixture(scope="module")
def hasty(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("hasty")
    with (
        serving(service) as url,
        traefik(
            folder, dict.fromkeys(SERVICES, url), request_seconds_max=REQUEST_SECONDS_MAX
        ) as running,
    ):
        yield running


def everything(gateway: Gateway, begun: bytes) -> bytes:
    """What is answered until the gateway closes."""
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), START_SECONDS_MAX) as connection:
        connection.sendall(begun)
        said = b""
        while piece := connection.recv(65536):
            said += piece
        return said


def test_a_head_that_does_not_end_is_cut(hasty: Gateway) -> None:
    assert everything(hasty, HEAD) == b""


def test_a_body_that_does_not_end_is_cut_and_its_service_told(
    hasty: Gateway, service: Service
) -> None:
    said = everything(hasty, HEAD + b"Content-Length: 1000\r\n\r\nbegun")

    # Whether Traefik first misses the client or the service is chance.
    assert said.startswith((b"HTTP/1.1 499 ", b"HTTP/1.1 503 "))
    eventually(lambda: service.has_lost_a_client, "the service knows")


def test_who_announces_too_much_and_is_silent_is_answered_when_the_time_is_over(
    hasty: Gateway,
) -> None:
    said = everything(hasty, HEAD + b"Content-Length: 1001\r\n\r\n")

    assert said.startswith(b"HTTP/1.1 413 ")
    assert b"at most 1000 bytes" in said


def test_an_answer_may_take_longer_than_its_request(hasty: Gateway) -> None:
    began = time.monotonic()
    with hasty.client.stream("GET", "/api/v1/events/") as response:
        for _ in response.iter_raw():
            if time.monotonic() - began > 3 * REQUEST_SECONDS_MAX:
                break
        else:
            pytest.fail("the stream was cut")
