"""What a clock that is set would break: times by which something is looked at again.

They are kept by the wall clock, which other replicas and a restarted process read, too. Set back
by an hour, it would keep the lease of a dead backend alive for an hour; set forward, it would end
every lease and every limit of time at once. So no such time lies further ahead than it ever can,
and when the clock is seen to be set, all that is at work gets its whole time again.
Safe with any number of replicas: each may do all of this, in any order.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple, Self

from sqlalchemy import update

from services.runs.models import Backend, Job, Webhook, WebhookDelivery
from services.runs.progress import DOUBLINGS_MAX
from services.runs.settings import RunsSettings
from services.runs.webhooks.delivering import PAUSE_SECONDS_MAX, claim_seconds
from shared.clock import utc_now
from shared.db import Database, col


class Moment(NamedTuple):
    """By the wall clock, and by one that nobody sets, in seconds."""

    wall: float
    steady: float

    @classmethod
    def now(cls) -> Self:
        return cls(time.time(), time.monotonic())


class Hearing:
    """Whether backends had one lease's time to be heard: no heartbeat arrives while this process,
    its database or the whole machine is away, and no backend shall lose its work for that."""

    def __init__(self, lease_seconds: float, now: Moment) -> None:
        self._lease_seconds = lease_seconds
        self._since = self._last = now

    @property
    def is_fair(self) -> bool:
        return self._last.steady - self._since.steady >= self._lease_seconds

    def goes_on(self, now: Moment) -> bool:
        """Says whether the clock was set meanwhile, or the machine slept, by what a lease feels."""
        passed = now.steady - self._last.steady
        set_by = abs(now.wall - self._last.wall - passed)
        # Between heartbeats two thirds of a lease are left.
        is_set = set_by >= self._lease_seconds / 3
        if is_set or passed >= self._lease_seconds:
            self._since = now
        self._last = now
        return is_set


async def pull_in_times(database: Database, settings: RunsSettings) -> None:
    """What lies further ahead than it can was written before the clock was set back."""
    async with database.transaction() as session:
        for column, seconds in _furthest(settings):
            latest = utc_now() + timedelta(seconds=seconds)
            await session.execute(
                update(column.table).where(column > latest).values({column: latest})
            )


async def begin_times_anew(database: Database, settings: RunsSettings) -> None:
    """Who holds a job has all its time again; a delivery that waits for its next try has it now."""
    await pull_in_times(database, settings)
    now = utc_now()
    lease = now + timedelta(seconds=settings.lease_seconds)
    deadline = now + timedelta(seconds=_job_seconds(settings))
    jobs, due = update(Job), col(WebhookDelivery.next_try_at)
    held = col(Job.lease_expires_at).is_not(None)
    async with database.transaction() as session:
        await session.execute(jobs.where(held).values(lease_expires_at=lease))
        limited = col(Job.deadline_at).is_not(None)
        await session.execute(jobs.where(limited).values(deadline_at=deadline))
        await session.execute(update(WebhookDelivery).where(due > now).values(next_try_at=now))


def _furthest(settings: RunsSettings) -> Sequence[tuple[Any, float]]:
    """Every time that is waited for, and how many seconds it can lie ahead."""
    return (
        (col(Job.lease_expires_at), settings.lease_seconds),
        (col(Job.deadline_at), _job_seconds(settings)),
        (col(Job.announce_at), settings.announce_again_seconds * 2**DOUBLINGS_MAX),
        (col(Backend.seen_at), 0),
        (col(Backend.present_until), settings.backend_seconds),
        (col(Webhook.claimed_until), claim_seconds(settings)),
        (col(WebhookDelivery.next_try_at), PAUSE_SECONDS_MAX),
    )


def _job_seconds(settings: RunsSettings) -> float:
    return settings.job_seconds_max + settings.job_grace_seconds
