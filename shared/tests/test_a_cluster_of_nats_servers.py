"""NATS as a cluster: one of its servers may die under load, and nothing is lost or doubled."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from fastapi import FastAPI
from nats.errors import Error as NatsError
from nats.js.api import StreamInfo
from sqlalchemy import func, select

from shared.db import Database
from shared.events.streams import EVENTS_STREAM, STREAMS
from shared.messaging.consumer import AnySubscription, Subscription
from shared.messaging.tables import processed_events
from shared.testing.eventually import eventually
from shared.tests.ledger import (
    NoteWritten,
    copy_note,
    ledger,
    listening,
    notes_in,
    told,
    write_notes,
)
from shared.tests.nats_cluster import SERVERS, NatsCluster, nats_cluster

LONG = 90.0
WRITERS = 4
NOTES_BEFORE = 100
NOTES_AFTER = 30
COPY = Subscription("copy", NoteWritten, copy_note)


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[NatsCluster]:
    async with nats_cluster(tmp_path / "nats") as running:
        yield running


@asynccontextmanager
async def running(
    folder: Path, name: str, cluster: NatsCluster, *subscriptions: AnySubscription
) -> AsyncIterator[FastAPI]:
    """A service that has found its streams."""
    async with ledger(
        folder, name, cluster.url, subscriptions=subscriptions, replicas=SERVERS
    ) as app:
        await asyncio.wait_for(app.state.broker.ready.wait(), LONG)
        yield app


async def stream(url: str, name: str) -> StreamInfo:
    async with listening(url) as jetstream:
        return await jetstream.stream_info(name)


async def leader_of(name: str, cluster: NatsCluster) -> str:
    found = (await stream(cluster.url, name)).cluster
    assert found is not None
    assert found.leader is not None
    return found.leader


async def write_on(database: Database, writer: int, killed: asyncio.Event) -> list[str]:
    """Until some time after the death."""
    written: list[str] = []
    rest = NOTES_AFTER
    while rest:
        rest -= killed.is_set()
        written.append(f"{writer}:{len(written)}")
        await write_notes(database, written[-1])
        await asyncio.sleep(0.01)  # tidy: allow no-sleep - the load, not a wait
    return written


async def events_handled(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(processed_events)) or 0


@pytest.mark.timeout(300)
async def test_the_death_of_a_streams_leader_under_load_costs_no_event_and_none_comes_twice(
    tmp_path: Path, cluster: NatsCluster
) -> None:
    killed = asyncio.Event()
    async with (
        running(tmp_path / "a", "teller", cluster) as teller,
        running(tmp_path / "b", "hearer", cluster, COPY) as hearer,
    ):
        heard: Database = hearer.state.database

        async def some_are_heard() -> bool:
            return len(await notes_in(heard)) >= NOTES_BEFORE

        writing = [
            asyncio.create_task(write_on(teller.state.database, writer, killed))
            for writer in range(WRITERS)
        ]
        await eventually(some_are_heard, within=LONG)
        await cluster.servers.pop(await leader_of(EVENTS_STREAM, cluster)).kill()
        killed.set()
        written = Counter(note for notes in await asyncio.gather(*writing) for note in notes)

        async def all_are_heard() -> bool:
            return Counter(await notes_in(heard)) == written

        async def all_are_kept() -> bool:
            with suppress(NatsError):  # A new leader may still be looked for.
                return Counter(await told(cluster.url)) == written
            return False

        await eventually(all_are_heard, within=LONG)
        await eventually(all_are_kept, within=LONG)
        assert await events_handled(heard) == len(written)


async def test_every_stream_and_the_bucket_are_kept_by_all_servers(
    tmp_path: Path, cluster: NatsCluster
) -> None:
    async with running(tmp_path, "teller", cluster):
        for name in (str(each.name) for each in STREAMS):
            assert (await stream(cluster.url, name)).config.num_replicas == SERVERS, name
