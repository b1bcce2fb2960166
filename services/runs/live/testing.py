"""Support for tests of streams: the service on a real port, and a client that reads events.

Never in production.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import uvicorn
from fastapi import FastAPI
from prometheus_client import REGISTRY

from services.runs.settings import RunsSettings
from services.runs.testing import Api
from shared.testing.eventually import eventually

PATH = "/api/v1/events/"
READ_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Running:
    """The service with NATS, on a port of its own, and its clients."""

    app: FastAPI
    url: str
    api: Api

    @property
    def settings(self) -> RunsSettings:
        found: RunsSettings = self.app.state.settings
        return found


@dataclass(frozen=True)
class Told:
    """One event; a comment has no name, and what it says as its data."""

    event: str
    id: int | None
    data: Any

    @classmethod
    def parse(cls, block: bytes) -> "Told":
        if block.startswith(b":"):
            return cls("", None, block[1:].strip().decode())
        fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
        number = int(fields[b"id"]) if b"id" in fields else None
        return cls(fields[b"event"].decode(), number, orjson.loads(fields[b"data"]))


class Stream:
    """One open stream, read event by event; comments are passed over unless asked for."""

    def __init__(self, response: httpx.Response):
        self.response = response
        self._pieces = response.aiter_bytes()
        self._rest = b""

    async def any(self) -> Told:
        async with asyncio.timeout(READ_SECONDS_MAX):
            while b"\n\n" not in self._rest:
                self._rest += await anext(self._pieces)
        block, self._rest = self._rest.split(b"\n\n", 1)
        return Told.parse(block)

    async def next(self) -> Told:
        async with asyncio.timeout(READ_SECONDS_MAX):
            while not (told := await self.any()).event:
                pass
        return told

    async def until(self, event: str, **fields: Any) -> list[Told]:
        """Everything up to the first event like this one."""
        heard = [await self.next()]
        while not (heard[-1].event == event and fields.items() <= heard[-1].data.items()):
            heard.append(await self.next())
        return heard

    async def is_over(self) -> bool:
        """Whether the answer was ended as HTTP has it, with nothing unread."""
        async with asyncio.timeout(READ_SECONDS_MAX):
            return not self._rest and await anext(self._pieces, None) is None


@asynccontextmanager
async def following(
    url: str, headers: dict[str, str], *, after: int | None = None, **query: str | int
) -> AsyncIterator[Stream]:
    """An open stream, the first event still unread."""
    resume = {} if after is None else {"Last-Event-ID": str(after)}
    async with (
        httpx.AsyncClient(base_url=url, timeout=READ_SECONDS_MAX, trust_env=False) as client,
        client.stream("GET", PATH, params=query, headers=headers | resume) as response,
    ):
        if response.status_code != httpx.codes.OK:
            await response.aread()
        assert response.status_code == httpx.codes.OK, response.text
        yield Stream(response)


async def has_no_stream() -> bool:
    return REGISTRY.get_sample_value("mlsploit_live_streams") == 0


def joined_log(heard: Iterable[Told], job: str, log: bytes = b"") -> bytes:
    """A log as a client keeps it: cut at the offset of each event, then the text."""
    for told in heard:
        if told.event == "log" and told.data["url"].endswith(job):
            assert told.data["offset"] <= len(log), "a gap in the log"
            log = log[: told.data["offset"]] + told.data["text"].encode()
    return log


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """The service on a free port, in this loop; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve([listener]))

    async def has_started() -> bool:
        return server.started or running.done()

    try:
        await eventually(has_started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
