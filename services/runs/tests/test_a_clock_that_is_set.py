"""A clock that is set, back or forward: nobody loses a job for it, and no job is lost with it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from services.runs.models import Backend, Job, Webhook, WebhookDelivery
from services.runs.settings import RunsSettings
from services.runs.sweeper import sweep
from services.runs.testing import Api, offers, pass_time
from services.runs.tests.conftest import Deliver
from services.runs.times import Hearing, Moment, begin_times_anew, pull_in_times
from services.runs.webhooks.delivering import claim_seconds
from services.runs.webhooks.testing import Receiver
from shared.clock import utc_now
from shared.db import Database, col
from shared.testing.fixtures import Published

HOUR = timedelta(hours=1)
BACK, FORWARD = -HOUR, HOUR
TIMES: tuple[Any, ...] = (
    col(Job.lease_expires_at),
    col(Job.deadline_at),
    col(Job.announce_at),
    col(Job.ready_at),
    col(Job.started_at),
    col(Backend.seen_at),
    col(Backend.present_until),
    col(Webhook.claimed_until),
    col(WebhookDelivery.created_at),
    col(WebhookDelivery.tried_at),
    col(WebhookDelivery.next_try_at),
)


async def set_clock(database: Database, by: timedelta) -> None:
    """As seen from a clock that was set, all that was written before lies on its other side."""
    async with database.transaction() as session:
        for column in TIMES:
            key = column.table.primary_key.columns[0]
            for row in (await session.execute(select(key, column))).all():
                if row[1] is not None:
                    moved = update(column.table).where(key == row[0]).values({column: row[1] - by})
                    await session.execute(moved)


async def times_of(database: Database, *columns: Any) -> list[datetime]:
    async with database.reading() as session:
        return list((await session.execute(select(*columns))).first() or ())


async def test_set_back_a_silent_backend_keeps_its_lease_no_longer(
    api: Api, database: Database, settings: RunsSettings
) -> None:
    await api.claim((await api.start_run(jobs=1))["jobs"][0])
    await set_clock(database, BACK)

    await pull_in_times(database, settings)

    lease, deadline = await times_of(database, col(Job.lease_expires_at), col(Job.deadline_at))
    assert lease <= utc_now() + timedelta(seconds=settings.lease_seconds)
    all_of_it = settings.job_seconds_max + settings.job_grace_seconds
    assert deadline <= utc_now() + timedelta(seconds=all_of_it)


async def test_set_forward_nobody_at_work_loses_a_job(
    api: Api, database: Database, settings: RunsSettings
) -> None:
    job = (await api.start_run(jobs=1))["jobs"][0]
    lease = (await api.claim(job))["lease"]["token"]
    await set_clock(database, 3 * FORWARD)

    await begin_times_anew(database, settings)
    await sweep(database, settings)

    assert (await api.read(job))["status"] == "RUNNING"
    assert (await api.say(job, "heartbeat", {"lease": lease})).status_code == 200
    [deadline] = await times_of(database, col(Job.deadline_at))
    assert deadline > utc_now() + timedelta(seconds=settings.job_seconds_max)


@pytest.mark.parametrize("by", [BACK, FORWARD])
async def test_a_job_that_nobody_took_is_announced_again_in_time(
    api: Api, database: Database, settings: RunsSettings, published: Published, by: timedelta
) -> None:
    await api.start_run(jobs=1)
    await set_clock(database, by)

    await begin_times_anew(database, settings)
    [announced] = await times_of(database, col(Job.announce_at))
    assert announced <= utc_now() + timedelta(seconds=8 * settings.announce_again_seconds)

    await pass_time(database)
    await sweep(database, settings)
    assert await offers(published) == [1, 1]


async def test_a_backend_that_is_gone_is_not_shown_for_an_hour(
    api: Api, database: Database, settings: RunsSettings
) -> None:
    body = {"name": "w1", "modules": ["digits"]}
    await api.client.post("/api/v1/backends/", json=body, headers=api.worker)
    await set_clock(database, BACK)

    await pull_in_times(database, settings)

    seen, until = await times_of(database, col(Backend.seen_at), col(Backend.present_until))
    assert seen <= utc_now()
    assert until <= utc_now() + timedelta(seconds=settings.backend_seconds)


async def test_set_back_webhooks_go_on(
    api: Api, database: Database, settings: RunsSettings, receiver: Receiver, deliver: Deliver
) -> None:
    receiver.answers.append(b"HTTP/1.1 500 Not now\r\n\r\n")
    webhook = await api.add_webhook(receiver.url(), events=["runs.run.created.v1"])
    await api.start_run(jobs=1)
    await deliver()
    await set_clock(database, BACK)
    await begin_times_anew(database, settings)
    # A claim is waited for; nothing else is.
    await set_clock(database, timedelta(seconds=claim_seconds(settings)))

    await deliver()

    [delivery] = await api.deliveries(webhook)
    assert (delivery["status"], delivery["attempts"]) == ("DELIVERED", 2)


async def test_what_is_as_it_should_be_stays(
    api: Api, database: Database, settings: RunsSettings
) -> None:
    await api.claim((await api.start_run())["jobs"][0])
    before = await times_of(database, *TIMES[:5])

    await pull_in_times(database, settings)

    assert await times_of(database, *TIMES[:5]) == before


def heard_at(*moments: tuple[float, float]) -> list[tuple[bool, bool]]:
    """(the clock was set, it is fair to end leases), by a wall clock and a steady one."""
    hearing = Hearing(30, Moment(wall=1000, steady=0))
    return [
        (hearing.goes_on(Moment(1000 + wall, steady)), hearing.is_fair) for wall, steady in moments
    ]


def test_a_hearing_begins_anew_after_every_absence() -> None:
    heard = heard_at(*[(at, at) for at in (1, 29, 31, 59, 90, 119, 121)])

    assert [is_set for is_set, _ in heard] == [False] * 7
    assert [fair for _, fair in heard] == [False, False, True, True, False, False, True]


@pytest.mark.parametrize("by", [-3600, 3600])
def test_a_hearing_begins_anew_when_the_clock_is_set_and_ends_by_the_one_that_is_not(
    by: float,
) -> None:
    heard = heard_at((29, 29), (31, 31), (33 + by, 33), (61 + by, 61), (63 + by, 63))

    assert heard == [
        (False, False),
        (False, True),
        (True, False),
        (False, False),
        (False, True),
    ]


def test_a_clock_that_is_slewed_is_not_set() -> None:
    assert heard_at((2.5, 2), (5, 4), (40, 33)) == [(False, False), (False, False), (False, True)]
