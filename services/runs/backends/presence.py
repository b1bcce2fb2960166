"""Backends say that they are there, and count as present for a while; nothing sweeps them.

Invariant: a backend of a person's own is present for that person's jobs alone, because it can claim
no others.
"""

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.runs.backends import queries
from services.runs.backends.schemas import BackendReport
from services.runs.models import Backend
from services.runs.queries import JobFilter
from services.runs.settings import RunsSettings
from shared.auth import Caller
from shared.bodies import Submission
from shared.clock import iso, utc_now
from shared.db import Database, is_on_sqlite
from shared.hyperlinks import Hyperlinks
from shared.paging import Page

FORGOTTEN_AFTER = timedelta(days=1)
POLLER = "polling for jobs"


async def register(
    session: AsyncSession,
    submission: Submission,
    caller: Caller,
    links: Hyperlinks,
    settings: RunsSettings,
) -> dict[str, Any]:
    """Under a name of the caller's, anew or again; whoever was silent for a day is forgotten."""
    body = submission.into(BackendReport)
    row = await _upsert(session, caller, body.name, json.dumps(body.modules), body.jobs, settings)
    return view_backend(row, links, settings)


async def note_polling(
    database: Database, caller: Caller, which: JobFilter, settings: RunsSettings
) -> None:
    """A backend of old asks for PENDING jobs with an administrator's token, and says no more.

    It would take any job, so it is present for all modules. Written down seldom: a poll is a read.
    """
    if which.status != "PENDING" or not caller.is_staff or caller.scopes is not None:
        return
    seen_lately = utc_now() - timedelta(seconds=settings.backend_seconds / 3)
    async with database.reading() as session:
        known = await queries.find_backend(session, caller.user_id, POLLER)
    if known is None or known.seen_at < seen_lately:
        async with database.transaction() as session:
            await _upsert(session, caller, POLLER, None, None, settings)


async def show_present(
    session: AsyncSession, page: Page, caller: Caller, links: Hyperlinks, settings: RunsSettings
) -> list[dict[str, Any]]:
    rows = await queries.list_present(session, page, only_owner=caller.only_owner)
    return [view_backend(row, links, settings) for row in rows]


def view_backend(row: Any, links: Hyperlinks, settings: RunsSettings) -> dict[str, Any]:
    return {
        "id": row.id,
        "owner": links.item("users", row.owner_id),
        "name": row.name,
        "modules": None if row.modules is None else json.loads(row.modules),
        "jobs": row.jobs,
        "seconds": settings.backend_seconds,
        "seen": iso(row.seen_at),
    }


async def _upsert(
    session: AsyncSession,
    caller: Caller,
    name: str,
    modules: str | None,
    jobs: int | None,
    settings: RunsSettings,
) -> Any:
    now = utc_now()
    await session.execute(delete(Backend).where(col(Backend.present_until) < now - FORGOTTEN_AFTER))
    insert = sqlite_insert if is_on_sqlite(session) else postgres_insert
    said = {
        "only_owner_id": caller.only_owner,
        "modules": modules,
        "jobs": jobs,
        "seen_at": now,
        "present_until": now + timedelta(seconds=settings.backend_seconds),
    }
    statement = insert(Backend).values(owner_id=caller.user_id, name=name, **said)
    statement = statement.on_conflict_do_update(index_elements=["owner_id", "name"], set_=said)
    return (await session.execute(statement.returning(*queries.BACKEND_COLUMNS))).one()
