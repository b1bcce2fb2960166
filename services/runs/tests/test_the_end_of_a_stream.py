import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import orjson
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.runs.live import stream as live_stream
from services.runs.live.testing import PATH, Running, following, has_no_stream, serving
from services.runs.testing import ALICE
from shared import auth
from shared.db import Database
from shared.events.streams import REVOCATIONS_PREFIX
from shared.messaging.outbox import enqueue
from shared.testing.eventually import eventually
from shared.testing.processes import NatsServer
from shared.testing.tokens import Signer

MEBIBYTE = 1024 * 1024


async def test_a_revoked_token_ends_its_streams_and_no_others(
    running: Running, signer: Signer
) -> None:
    revoked = {"Authorization": f"Token {signer.token(ALICE, jti='leaked')}"}
    async with (
        following(running.url, revoked) as stream,
        following(running.url, running.api.alice) as other,
    ):
        async with running.app.state.database.transaction() as session:
            subject = f"{REVOCATIONS_PREFIX}token.leaked"
            await enqueue(session, subject, orjson.dumps(time.time() + 3600))

        [_, end] = await stream.until("end")
        assert end.data == {"reason": "token"}
        assert await stream.is_over()
        await running.api.start_run()
        assert (await other.until("run"))[0].event == "hello"


async def test_a_stream_does_not_outlive_its_token(
    running: Running, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": f"Token {signer.token(ALICE, lives_seconds=3600)}"}
    async with following(running.url, headers) as stream:
        await stream.next()
        two_hours_later = time.time() + 7200
        monkeypatch.setattr(auth, "time", SimpleNamespace(time=lambda: two_hours_later))
        end = await stream.next()

    assert (end.event, end.data) == ("end", {"reason": "token"})


async def test_a_stream_lasts_as_long_as_the_setting_says(running: Running) -> None:
    running.settings.live_seconds_max = 1
    async with following(running.url, running.api.alice) as stream:
        [_, end] = await stream.until("end")
        assert await stream.is_over()

    assert end.data == {"reason": "duration"}


async def test_a_user_and_a_process_have_only_so_many_streams(running: Running) -> None:
    running.settings.live_streams_per_user_max, running.settings.live_streams_max = 2, 3
    api = running.api
    async with (
        following(running.url, api.alice),
        following(running.url, api.alice),
        following(running.url, api.bob),
    ):
        of_user = await api.client.get(PATH, headers=api.alice)
        of_process = await api.client.get(PATH, headers=api.bob)

    assert (of_user.status_code, of_process.status_code) == (429, 503)
    assert of_user.headers["retry-after"]
    assert of_process.headers["retry-after"]
    assert "streams" in of_user.json()["detail"]


async def test_whoever_leaves_makes_room(running: Running) -> None:
    running.settings.live_streams_per_user_max = 1
    async with following(running.url, running.api.alice) as stream:
        await stream.next()

    await eventually(has_no_stream)
    async with following(running.url, running.api.alice) as stream:
        assert (await stream.next()).event == "hello"


def dropped() -> float:
    stuck = {"reason": "stuck"}
    return REGISTRY.get_sample_value("mlsploit_live_streams_ended_total", stuck) or 0.0


async def test_a_database_that_fails_ends_a_stream_in_order(running: Running) -> None:
    database = running.app.state.database
    async with following(running.url, running.api.alice) as stream:
        await stream.next()
        await rename(database, "feed", "away")
        try:
            running.app.state.hub.tell({ALICE: 1})
            assert (await stream.next()).data == {"reason": "unavailable"}
            assert await stream.is_over()
        finally:
            await rename(database, "away", "feed")


async def rename(database: Database, table: str, name: str) -> None:
    async with database.transaction() as session:
        await session.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


async def test_a_client_that_reads_nothing_loses_its_stream(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_stream, "SEND_SECONDS_MAX", 0.2)
    api = running.api
    [job] = (await api.start_run(jobs=1))["jobs"]
    lease = (await api.claim(job))["lease"]["token"]
    # More than all buffers on the way hold.
    for number in range(8):
        body = {"lease": lease, "offset": number * MEBIBYTE, "text": "x" * MEBIBYTE}
        assert (await api.say(job, "logs", body)).status_code == 200
    address = urlsplit(running.url)
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect((address.hostname, address.port))
    _, writer = await asyncio.open_connection(sock=narrow, limit=1024)
    token = api.alice["Authorization"]
    request = f"GET {PATH}?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n"
    before = dropped()

    async def was_dropped() -> bool:
        return await has_no_stream() and dropped() == before + 1

    with closing(writer):
        writer.write(request.encode())
        await eventually(was_dropped)


@asynccontextmanager
async def process(
    folder: Path, nats_url: str, users_url: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The service as it is run, and its address."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "uvicorn", "--factory", "services.runs.main:build", "--port", "0"),
        *("--no-access-log", "--timeout-graceful-shutdown", "30"),
        env=os.environ
        | {
            "MLSPLOIT_DATA_DIR": str(folder),
            "MLSPLOIT_NATS_URL": nats_url,
            "MLSPLOIT_USERS_URL": users_url,
        },
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started, await _address(started)
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def _address(started: asyncio.subprocess.Process) -> str:
    assert started.stderr is not None
    async for line in started.stderr:
        if found := re.search(rb"http://127\.0\.0\.1:\d+", line):
            return found[0].decode()
    raise AssertionError("the service ended before it listened")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_process_that_stops_ends_its_streams_and_waits_for_none(
    tmp_path: Path, nats: NatsServer, signer: Signer, number: signal.Signals
) -> None:
    users = FastAPI()
    users.get("/auth/jwks.json")(signer.jwks)
    async with (
        serving(users) as users_url,
        process(tmp_path, nats.url, users_url) as (runs, url),
        following(url, signer.headers(ALICE)) as stream,
        following(url, signer.headers(ALICE + 1)) as other,
    ):
        assert [(await each.next()).event for each in (stream, other)] == ["hello", "hello"]
        runs.send_signal(number)

        for each in (stream, other):
            end = await each.next()
            assert (end.event, end.data) == ("end", {"reason": "shutdown"})
            assert await each.is_over()
        # Ended by itself: the server's own patience with open answers is longer than this.
        async with asyncio.timeout(25):
            await runs.wait()
