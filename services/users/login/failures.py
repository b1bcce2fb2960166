"""Failed logins, counted per account and per address, for all replicas alike.

A count begins with a failure and is forgotten some minutes later. Counts are kept in buckets by a
digest, so the table has a size that no attacker can make grow; two that share one are refused
together, which is rare. A name that nobody has is counted like any other.
Invariant: a process judges only as many attempts at a time as it has processors, each after looking
at the counts, so a thousand attempts at once get no further than a thousand in turn.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import case, delete, or_
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.users import queries
from services.users.errors import TooManyFailures
from services.users.models import FailedLogins
from shared.clock import utc_now
from shared.db import col, is_on_sqlite

BUCKETS_PER_KIND = 65_536


class Counted(NamedTuple):
    """One of the two things that a login is counted by."""

    bucket: str
    failures_max: int


@dataclass(frozen=True)
class Attempt:
    account: Counted
    address: Counted

    @property
    def both(self) -> Sequence[Counted]:
        """In one order for everybody: who locks rows in turn never waits in a circle."""
        return sorted((self.account, self.address))


class LoginLimits:
    """One per process."""

    def __init__(self, *, per_account: int, per_address: int, minutes: int):
        self._per_account = per_account
        self._per_address = per_address
        self._window = timedelta(minutes=minutes)
        self._turns = asyncio.Semaphore(os.cpu_count() or 1)

    def attempt(self, username: str, address: str) -> Attempt:
        return Attempt(
            Counted(_bucket("account", username.casefold()), self._per_account),
            Counted(_bucket("address", address), self._per_address),
        )

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Judge inside, from looking at the counts to counting what failed."""
        async with self._turns:
            yield

    async def refuse_if_spent(self, session: AsyncSession, attempt: Attempt) -> None:
        now = utc_now()
        buckets = [counted.bucket for counted in attempt.both]
        counts = {row.bucket: row for row in await queries.list_failures(session, buckets)}
        for counted in attempt.both:
            row = counts.get(counted.bucket)
            # What ends later than any window can was written by a clock that was set back.
            if row is None or not now < row.ends_at <= now + self._window:
                continue
            if row.failures >= counted.failures_max:
                raise TooManyFailures(seconds=int((row.ends_at - now).total_seconds()) + 1)

    async def count(self, session: AsyncSession, attempt: Attempt) -> None:
        dialect_insert = sqlite_insert if is_on_sqlite(session) else postgres_insert
        now = utc_now()
        end = now + self._window
        ends_at, failures = col(FailedLogins.ends_at), col(FailedLogins.failures)
        is_over = or_(ends_at <= now, ends_at > end)
        for counted in attempt.both:
            await session.execute(
                dialect_insert(FailedLogins)
                .values(bucket=counted.bucket, failures=1, ends_at=end)
                .on_conflict_do_update(
                    index_elements=["bucket"],
                    set_={
                        "failures": case((is_over, 1), else_=failures + 1),
                        "ends_at": case((is_over, end), else_=ends_at),
                    },
                )
            )

    async def forget(self, session: AsyncSession, attempt: Attempt) -> None:
        """Who knows the password may begin anew; their address has no account to itself."""
        bucket = col(FailedLogins.bucket)
        await session.execute(delete(FailedLogins).where(bucket == attempt.account.bucket))


def _bucket(kind: str, name: str) -> str:
    digest = hashlib.sha256(name.encode()).digest()
    return f"{kind} {int.from_bytes(digest[:8], 'big') % BUCKETS_PER_KIND}"
