"""What administrators did is kept for a year, or for as long as is set."""

from datetime import timedelta

from sqlalchemy import insert, select

from services.runs.deeds.pruning import forget_old_deeds
from shared.clock import utc_now
from shared.db import Database
from shared.messaging.tables import audit_log


async def test_what_was_done_too_long_ago_is_forgotten_and_the_rest_stays(
    database: Database,
) -> None:
    deed = {"actor": "admin", "action": "change_job", "client": "", "request_id": ""}
    async with database.transaction() as session:
        for days in (400, 366, 364, 0):
            at = utc_now() - timedelta(days=days)
            await session.execute(insert(audit_log).values(**deed, target=f"{days}", at=at))

    assert [await forget_old_deeds(database, 365) for _ in range(2)] == [2, 0]

    async with database.reading() as session:
        targets = await session.scalars(select(audit_log.c.target).order_by(audit_log.c.id))
        assert list(targets) == ["364", "0"]
