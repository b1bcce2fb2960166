import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event, select, text, update
from sqlalchemy.util import await_only

from services.runs.live import feed
from services.runs.live.testing import Running, Stream, following, joined_log
from services.runs.models import FeedEntry
from services.runs.rows.holding import RunRow
from services.runs.testing import Api
from shared.clock import utc_now
from shared.db import Database, col
from shared.testing.eventually import eventually
from shared.testing.fixtures import POSTGRES
from shared.testing.processes import NatsServer

Replicas = Callable[..., AbstractAsyncContextManager[Running]]

WRITERS = 6
CHUNKS = 15
WAITS_FOR_A_NUMBER = """
    SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
    AND wait_event_type = 'Lock' AND query LIKE '%feed_positions%'
"""


async def test_what_one_process_commits_wakes_the_streams_of_another(replicas: Replicas) -> None:
    async with (
        replicas() as here,
        replicas() as there,
        following(there.url, there.api.alice) as stream,
    ):
        await stream.next()
        await here.api.start_run()
        assert (await stream.next()).event == "run"


async def test_without_nats_a_stream_hears_all_the_same(
    replicas: Replicas, nats: NatsServer
) -> None:
    async with replicas() as here, replicas(look_seconds=0.1) as there:
        async with following(there.url, there.api.alice) as stream:
            await stream.next()
            await nats.kill()
            await here.api.start_run()
            assert (await stream.next()).event == "run"
        await nats.start()


async def test_who_begins_to_hear_late_has_missed_nothing(
    replicas: Replicas, nats: NatsServer
) -> None:
    await nats.kill()
    async with replicas() as there, following(there.url, there.api.alice) as stream:
        await stream.next()
        elsewhere = Database(there.settings.database("runs"))
        async with elsewhere.transaction() as session:
            run = RunRow(id=1, owner_id=1, pipeline_id=1, holder="h", created_at=utc_now())
            feed.run_changed(session, run)
        await elsewhere.close()

        await nats.start()

        assert (await stream.next()).event == "run"


@pytest.mark.parametrize("database_url", [POSTGRES], indirect=True)
async def test_a_later_change_of_an_owner_is_not_seen_before_an_earlier_one(
    running: Running,
) -> None:
    """Were numbers given without waiting, a reader of the later one would pass the other by."""
    database: Database = running.app.state.database
    run = RunRow(id=1, owner_id=1, pipeline_id=1, holder="h", created_at=utc_now())
    has_number, may_commit = asyncio.Event(), asyncio.Event()

    def hold(_session: object) -> None:
        has_number.set()
        await_only(may_commit.wait())

    async def seen() -> list[int]:
        async with database.reading() as session:
            return list(await session.scalars(select(col(FeedEntry.seq)).order_by("seq")))

    async def write_earlier() -> None:
        async with database.transaction() as session:
            feed.run_changed(session, run)
            event.listen(session.sync_session, "before_commit", hold)

    async def write_later() -> list[int]:
        await has_number.wait()
        async with database.transaction() as session:
            feed.run_changed(session, run)
        return await seen()

    async def later_waits_or_is_seen() -> bool:
        async with database.reading() as session:
            waiting = await session.execute(text(WAITS_FOR_A_NUMBER))
            return later.done() or waiting.first() is not None

    async with asyncio.TaskGroup() as writers:
        writers.create_task(write_earlier())
        later = writers.create_task(write_later())
        await eventually(later_waits_or_is_seen)
        assert await seen() == []
        may_commit.set()

    assert later.result() == [1, 2]


async def test_nothing_is_missed_while_several_processes_write_at_once(replicas: Replicas) -> None:
    async with replicas() as here, replicas() as there:
        runs = [await here.api.start_run(jobs=1) for _ in range(WRITERS)]
        jobs = [run["jobs"][0] for run in runs]
        async with following(here.url, here.api.alice, after=0) as stream:
            reading = asyncio.create_task(_read_until_all_failed(stream, len(jobs)))
            writers = [
                _write_log((here, there)[number % 2].api, job) for number, job in enumerate(jobs)
            ]
            logs = await asyncio.gather(*writers)
            heard = await reading

    numbers = [told.id for told in heard]
    assert numbers == sorted(set(numbers))
    assert [joined_log(heard, job) for job in jobs] == logs
    for url in (*jobs, *(run["url"] for run in runs)):
        states = [told.data.get("status") for told in heard if told.data.get("url") == url]
        assert [status for status in states if status] == ["PENDING", "RUNNING", "FAILED"]


async def _write_log(api: Api, job: str) -> bytes:
    # Each process has links on an address of its own; only the path is the same.
    path = httpx.URL(job).path
    lease = (await api.claim(path))["lease"]["token"]
    log = ""
    for number in range(CHUNKS):
        body = {"lease": lease, "offset": len(log.encode()), "text": f"{number} of {path} \u00e9\n"}
        log += body["text"]
        assert (await api.say(path, "logs", body)).status_code == 200
    answer = await api.report(path, {"lease": lease, "status": "FAILED"})
    assert answer.status_code == 200
    return log.encode()


async def _read_until_all_failed(stream: Stream, count: int) -> list[Any]:
    heard: list[Any] = []
    while sum(told.data.get("status") == "FAILED" for told in heard) < 2 * count:
        heard.append(await stream.next())
    return heard


async def test_who_was_away_for_too_long_is_told_to_read_anew(running: Running) -> None:
    api, database = running.api, running.app.state.database
    await api.start_run(jobs=1)
    async with database.transaction() as session:
        old = utc_now() - timedelta(days=8)
        await session.execute(update(FeedEntry).values(created_at=old))
    await api.start_run(jobs=1)

    await feed.prune(database, utc_now() - timedelta(days=7))

    async with following(running.url, api.alice, after=1) as stream:
        told = await stream.next()
        assert (told.event, told.id) == ("reset", 4)
    async with following(running.url, api.alice, after=2) as stream:
        assert [told.id for told in await stream.until("job")] == [2, 3, 4]
    async with following(running.url, api.alice, after=0) as stream:
        assert [told.id for told in await stream.until("job")] == [2, 3, 4]
    # The number of another database, which an operator has put back to an earlier day.
    async with following(running.url, api.alice, after=500) as stream:
        assert (await stream.next()).event == "reset"
