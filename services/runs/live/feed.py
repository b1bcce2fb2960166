"""The feed: what changed of an owner's runs, numbered in the order in which it was committed.

Entries are noted while a transaction works and written just before it commits. Only then is the
owner's position locked, after every other lock, so nobody waits for another in a circle. The lock
lasts until the commit: whoever has seen a number has seen, or can never see, each number below it.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.live import queries
from services.runs.models import FeedEntry, FeedPosition
from services.runs.rows.holding import JobRow, RunRow
from shared.clock import utc_now
from shared.db import Database, col, is_on_sqlite, table_of, write_last

# What one entry may take of a log: an entry is told whole.
LOG_BYTES_MAX = 32 * 1024
# In the session's info once it is committed: the new positions by owner.
MOVED = "feed_moved"
_NOTED = "feed_noted"

# Built once: it takes longer than they do.
INSERT_ENTRIES = insert(table_of(FeedEntry))
ADVANCE_ON_SQLITE, ADVANCE_ON_POSTGRES = (
    taken.on_conflict_do_update(
        index_elements=["owner_id"],
        set_={"last": col(FeedPosition.last) + taken.excluded.last},
    ).returning(col(FeedPosition.last))
    for taken in (
        sqlite_insert(table_of(FeedPosition)),
        postgres_insert(table_of(FeedPosition)),
    )
)

RUN, JOB, LOG, RUN_DELETED = "run", "job", "log", "run_deleted"


@dataclass
class _Noted:
    """What one transaction has to say; most often of one owner."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    gone_runs: list[int] = field(default_factory=list)
    # Entries that say where a log was cut off.
    cut_logs: list[dict[str, Any]] = field(default_factory=list)
    gone_owners: set[int] = field(default_factory=set)


def run_changed(session: AsyncSession, run: RunRow) -> None:
    """It was made, or has another status."""
    _note(session, run, RUN, run_id=run.id, status=run.status)


def run_deleted(session: AsyncSession, run: RunRow) -> None:
    """What there was to tell of it before is of no use any more."""
    noted = _noted(session)
    noted.entries = [entry for entry in noted.entries if entry["run_id"] != run.id]
    noted.gone_runs.append(run.id)
    _note(session, run, RUN_DELETED, run_id=run.id)


def job_changed(session: AsyncSession, job: JobRow) -> None:
    of_job = {"run_id": job.run_id, "job_id": job.id}
    _note(session, job, JOB, **of_job, status=job.status, attempt=job.attempt)


def log_grew(session: AsyncSession, job: JobRow, start: int, size: int) -> None:
    """By so many bytes of UTF-8, after so many."""
    of_job = {"run_id": job.run_id, "job_id": job.id}
    for at in range(start, start + size, LOG_BYTES_MAX):
        _note(session, job, LOG, **of_job, start=at, size=min(LOG_BYTES_MAX, start + size - at))


def log_cut(session: AsyncSession, job: JobRow, at: int) -> None:
    """From this byte on, what stood in the log stands there no more."""
    noted = _noted(session)
    noted.entries = [entry for entry in noted.entries if not _is_cut_off(entry, job, at)]
    _note(session, job, LOG, run_id=job.run_id, job_id=job.id, start=at, size=0)
    noted.cut_logs.append(noted.entries[-1])


def owner_deleted(session: AsyncSession, owner_id: int) -> None:
    """There is nobody left to be told."""
    _noted(session).gone_owners.add(owner_id)


async def prune(database: Database, before: datetime) -> None:
    """Forget what is older, of each owner in a transaction of its own."""
    async with database.reading() as session:
        old = await queries.list_old(session, before)
    for owner_id, seq in old:
        async with database.transaction() as session:
            await session.execute(
                update(FeedPosition)
                .where(col(FeedPosition.owner_id) == owner_id)
                .values(pruned=seq)
            )
            await session.execute(
                delete(FeedEntry).where(
                    col(FeedEntry.owner_id) == owner_id, col(FeedEntry.seq) <= seq
                )
            )


def _is_cut_off(entry: dict[str, Any], job: JobRow, at: int) -> bool:
    is_of_log = entry["kind"] == LOG and entry["job_id"] == job.id
    return is_of_log and bool(entry["start"] >= at)


def _note(session: AsyncSession, of: RunRow | JobRow, kind: str, **values: Any) -> None:
    blank = {"job_id": None, "status": None, "attempt": None, "start": None, "size": None}
    entry = {**blank, **values, "owner_id": of.owner_id, "kind": kind, "created_at": utc_now()}
    _noted(session).entries.append(entry)


def _noted(session: AsyncSession) -> _Noted:
    noted: _Noted | None = session.info.get(_NOTED)
    if noted is None:
        noted = session.info[_NOTED] = _Noted()
        # All other changes, and their locks, come first.
        write_last(session, _write)
    return noted


async def _write(session: AsyncSession) -> None:
    noted: _Noted = session.info.pop(_NOTED)
    by_owner: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in noted.entries:
        if entry["owner_id"] not in noted.gone_owners:
            by_owner[entry["owner_id"]].append(entry)
    moved: dict[int, int] = {}
    for owner_id, entries in sorted(by_owner.items()):
        moved[owner_id] = last = await _advance(session, owner_id, len(entries))
        for seq, entry in enumerate(entries, start=last - len(entries) + 1):
            entry["seq"] = seq
    await _forget(session, noted)
    if moved:
        await session.execute(INSERT_ENTRIES, list(chain.from_iterable(by_owner.values())))
    session.info.setdefault(MOVED, {}).update(moved)


async def _advance(session: AsyncSession, owner_id: int, count: int) -> int:
    """Take so many numbers, and the lock; the last of them."""
    statement = ADVANCE_ON_SQLITE if is_on_sqlite(session) else ADVANCE_ON_POSTGRES
    taken = {"owner_id": owner_id, "last": count, "pruned": 0}
    last: int = (await session.execute(statement, taken)).scalar_one()
    return last


async def _forget(session: AsyncSession, noted: _Noted) -> None:
    """Entries whose run, log or owner is gone."""
    if noted.gone_runs:
        await session.execute(delete(FeedEntry).where(col(FeedEntry.run_id).in_(noted.gone_runs)))
    for cut in noted.cut_logs:
        await session.execute(
            delete(FeedEntry).where(
                col(FeedEntry.run_id) == cut["run_id"],
                col(FeedEntry.job_id) == cut["job_id"],
                col(FeedEntry.kind) == LOG,
                col(FeedEntry.start) >= cut["start"],
            )
        )
    if noted.gone_owners:
        for table in (FeedPosition, FeedEntry):
            await session.execute(delete(table).where(col(table.owner_id).in_(noted.gone_owners)))
