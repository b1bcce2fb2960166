"""A real Traefik in front of six small real servers that say who answered and what they saw."""

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import orjson
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.configuration import static_configuration

SERVICES = ("users", "files", "modules", "pipelines", "runs", "portal")
TRAEFIK = Path(sys.executable).parent / "traefik"
START_SECONDS_MAX = 20


@dataclass(frozen=True)
class Gateway:
    """One running Traefik: where it listens, and a client for it."""

    url: str
    client: httpx.Client
    process: subprocess.Popen[bytes]

    def who(self, path: str, **headers: str) -> str:
        """The name of the server that answered, or the status when none did."""
        response = self.client.get(path, headers=headers)
        return str(response.json()["service"]) if response.is_success else str(response.status_code)


class Echo:
    """Answers with its own name and the request as it arrived; three paths behave otherwise."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        size = await count_body(receive)
        if scope["path"] == "/api/v1/events/":
            await stream_two_events(send)
        elif scope["path"] == "/api/v1/runs/busy/":
            await answer(send, 503, {"detail": "pipelines does not answer."})
        else:
            await answer(send, 200, seen(self.name, scope, size))


def seen(name: str, scope: Scope, size: int) -> dict[str, object]:
    headers = {key.decode(): value.decode() for key, value in scope["headers"]}
    return {
        "service": name,
        "method": scope["method"],
        "path": scope["raw_path"].decode(),
        "query": scope["query_string"].decode(),
        "headers": headers,
        "size": size,
    }


async def count_body(receive: Receive) -> int:
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    return size


async def answer(send: Send, status: int, body: object) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps(body)})


async def stream_two_events(send: Send) -> None:
    """The second event never comes: a reader that sees the first saw it unbuffered."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"data: first\n\n", "more_body": True})
    await asyncio.Event().wait()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait for a condition, never for a time."""
    pause = threading.Event()
    for _ in range(START_SECONDS_MAX * 20):
        if holds():
            return
        pause.wait(0.05)
    raise AssertionError(f"{what} within {START_SECONDS_MAX} s")


@contextmanager
def serving(app: ASGIApp, *, http: Literal["auto", "h11"] = "auto") -> Iterator[str]:
    """The app under uvicorn on a free port, for the length of the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http=http,
        log_level="warning",
        ws="none",
        timeout_graceful_shutdown=1,
        access_log=False,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    eventually(lambda: server.started or not thread.is_alive(), "the server starts")
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def traefik(
    folder: Path,
    urls: dict[str, str],
    trusted: tuple[str, ...] = (),
    request_seconds_max: int | None = None,
) -> Iterator[Gateway]:
    """A Traefik in front of these addresses, started as the supervisor starts it."""
    address = f"127.0.0.1:{free_port()}"
    static = folder / "traefik.yml"
    static.write_text(
        static_configuration(
            address, trusted_proxies=trusted, request_seconds_max=request_seconds_max
        )
    )
    environment = {f"MLSPLOIT_{name.upper()}_URL": url for name, url in urls.items()}
    with (folder / "traefik.log").open("wb") as log:
        process = subprocess.Popen(
            [TRAEFIK, f"--configFile={static}"],
            env=os.environ | environment,
            stdout=log,
            stderr=log,
        )
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=10, trust_env=False) as client:
            gateway = Gateway(f"http://{address}", client, process)
            eventually(lambda: listens(gateway), "traefik answers")
            yield gateway
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS_MAX)


def listens(gateway: Gateway) -> bool:
    """Traefik listens a moment before it has routes: its own 404 is plain text."""
    try:
        response = gateway.client.get("/metrics/probe")
    except httpx.TransportError:
        return False
    return bool(response.headers.get("content-type", "").startswith("application/json"))


def as_sent(gateway: Gateway, path: str) -> dict[str, Any]:
    """What a server saw of this path, sent byte for byte: httpx would tidy it up first."""
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", path)
        seen_there: dict[str, Any] = json.loads(connection.getresponse().read())
        return seen_there
    finally:
        connection.close()
