"""A backend with an administrator's token leaves a line for every report, so lines must end."""

import asyncio
from datetime import UTC, timedelta

from fastapi import FastAPI
from sqlalchemy import delete

from services.runs.deeds import queries
from services.runs.settings import RunsSettings
from shared.clock import utc_now
from shared.db import Database
from shared.messaging.tables import audit_log

PRUNE_SECONDS = 3600
DEEDS_PER_TRANSACTION = 500


async def prune_deeds(app: FastAPI) -> None:
    settings: RunsSettings = app.state.settings
    while True:
        while await forget_old_deeds(app.state.database, settings.audit_days):
            pass
        await asyncio.sleep(PRUNE_SECONDS)


async def forget_old_deeds(database: Database, days: int) -> int:
    """Returns how many; the first by their numbers tell whether there are any."""
    before = utc_now() - timedelta(days=days)
    async with database.reading() as session:
        first = await queries.list_first(session, limit=DEEDS_PER_TRANSACTION)
    # SQLite keeps no zone.
    old = [deed.id for deed in first if deed.at.replace(tzinfo=UTC) < before]
    if old:
        async with database.transaction() as session:
            await session.execute(delete(audit_log).where(audit_log.c.id.in_(old)))
    return len(old)
