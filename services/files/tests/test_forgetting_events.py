"""Handled events are remembered for as long as they could come again, and no longer."""

from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import func, insert, select

from services.files import sweeper
from services.files.settings import EVENTS_DAYS_MAX, FilesSettings
from services.files.sweeper import forget_old_events
from services.files.tests.conftest import KEY
from shared.clock import utc_now
from shared.db import Database
from shared.messaging.tables import processed_events


async def handle(database: Database, count: int, *, days_ago: float) -> None:
    at = utc_now() - timedelta(days=days_ago)
    rows = [
        {"subscription": "s", "event_id": f"{days_ago} {number}", "processed_at": at}
        for number in range(count)
    ]
    async with database.transaction() as session:
        await session.execute(insert(processed_events), rows)


async def remembered(database: Database) -> int:
    async with database.reading() as session:
        return int(await session.scalar(select(func.count()).select_from(processed_events)) or 0)


async def test_what_is_too_old_to_come_again_is_forgotten_some_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "EVENTS_PER_TRANSACTION", 3)
    await handle(database, 5, days_ago=45.1)
    await handle(database, 2, days_ago=44.9)

    assert [await forget_old_events(database, 45) for _ in range(3)] == [3, 2, 0]
    assert await remembered(database) == 2


def test_nobody_can_ask_to_forget_what_may_still_come() -> None:
    with pytest.raises(ValidationError, match="greater than 30"):
        FilesSettings(link_key=KEY, inbox_days=EVENTS_DAYS_MAX)
