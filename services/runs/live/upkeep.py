"""What works for the streams as long as the process lives."""

import asyncio
import resource
import signal
import threading
from datetime import timedelta
from functools import partial
from types import FrameType

import structlog
from fastapi import FastAPI

from services.runs.live import feed
from services.runs.live.hub import MOVED_SUBJECT, Hub
from services.runs.settings import RunsSettings
from shared.clock import utc_now

TOKENS_SECONDS = 0.5
PRUNE_SECONDS = 600
# Connections and files that the process has besides its streams.
OTHER_FILES = 500

log = structlog.get_logger(__name__)


async def tell_replicas(app: FastAPI) -> None:
    """What was committed here wakes streams here at once, and those of other replicas by NATS."""
    hub: Hub = app.state.hub
    on_commit = app.state.database.on_commit
    on_commit.append(hub.hear_commit)
    try:
        while True:
            await app.state.broker.tell(MOVED_SUBJECT, await hub.take_unsent())
    finally:
        on_commit.remove(hub.hear_commit)


async def hear_replicas(app: FastAPI) -> None:
    """Streams may be open by now, and what was told before this is told to nobody again."""
    hub: Hub = app.state.hub
    look = partial(hub.look, app.state.database)
    await app.state.broker.listen(
        MOVED_SUBJECT, hub.hear_replica, is_shared=False, on_listening=look
    )


async def look_at_positions(app: FastAPI) -> None:
    settings: RunsSettings = app.state.settings
    while True:
        await asyncio.sleep(settings.live_look_seconds)
        await app.state.hub.is_followed.wait()
        await app.state.hub.look(app.state.database)


async def end_unbelieved_streams(app: FastAPI) -> None:
    while True:
        await asyncio.sleep(TOKENS_SECONDS)
        await app.state.hub.is_followed.wait()
        await app.state.hub.end_unbelieved(app.state.verifier)


async def prune_feed(app: FastAPI) -> None:
    settings: RunsSettings = app.state.settings
    while True:
        await feed.prune(app.state.database, utc_now() - timedelta(days=settings.feed_days))
        await asyncio.sleep(PRUNE_SECONDS)


async def end_streams_at_shutdown(app: FastAPI) -> None:
    """The server waits for open answers before it tells us that it stops, so hear what it hears."""
    _allow_files(app.state.settings.live_streams_max + OTHER_FILES)
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    servers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(app.state.hub.close)
        server = servers[signal.Signals(number)]
        assert callable(server)
        server(number, frame)

    heard = [number for number, server in servers.items() if callable(server)]
    for number in heard:
        signal.signal(number, stop)
    try:
        await asyncio.Event().wait()
    finally:
        for number in heard:
            signal.signal(number, servers[number])


def _allow_files(count: int) -> None:
    """Most systems allow a process 1024 open files unless it asks for more."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if most == resource.RLIM_INFINITY else min(count, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    if wanted < count:
        log.warning("too_few_files_allowed", allowed=wanted, wanted=count)


UPKEEP = (
    tell_replicas,
    hear_replicas,
    look_at_positions,
    end_unbelieved_streams,
    prune_feed,
    end_streams_at_shutdown,
)
