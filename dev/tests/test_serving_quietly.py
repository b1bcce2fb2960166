"""The server of every app: it sleeps until there is something to do, and then does it."""

import asyncio
import os
import signal
from email.utils import parsedate_to_datetime

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from deploy import quiet
from deploy.quiet import QuietServer
from shared.testing.eventually import eventually


async def test_a_server_at_rest_stops_as_soon_as_it_is_told() -> None:
    server = QuietServer(uvicorn.Config(FastAPI(), port=0, log_config=None))
    # As uvicorn does it; but its own would raise the signal again in the end, against the tests.
    before = signal.signal(signal.SIGTERM, server.handle_exit)
    try:
        serving = asyncio.create_task(server._serve())

        async def is_started() -> bool:
            return server.started

        await eventually(is_started)
        os.kill(os.getpid(), signal.SIGTERM)

        async with asyncio.timeout(30):
            await serving
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_each_answer_has_the_date_on_which_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = QuietServer(uvicorn.Config(FastAPI(), port=0, log_config=None))
    serving = asyncio.create_task(server._serve())

    async def is_started() -> bool:
        return server.started

    await eventually(is_started)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for second in (1000, 1001, 3600):
            monkeypatch.setattr(quiet, "time", lambda second=second: second + 0.7)
            answer = await client.get("/")
            assert parsedate_to_datetime(answer.headers["date"]).timestamp() == second
            assert answer.headers.get_list("server") == ["uvicorn"]
    server.should_exit = True
    server.look_now()
    async with asyncio.timeout(30):
        await serving
