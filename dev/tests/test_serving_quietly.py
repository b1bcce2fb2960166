"""The server of every app: it sleeps until there is something to do, and then does it."""

import asyncio
import os
import signal

import pytest
import uvicorn
from fastapi import FastAPI

from deploy import quiet
from deploy.quiet import QuietServer
from shared.testing.eventually import eventually


async def test_a_server_at_rest_stops_as_soon_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quiet, "LOOK_AGAIN_SECONDS", 3600)
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
