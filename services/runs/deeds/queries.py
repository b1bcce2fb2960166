"""Every SELECT about deeds."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.messaging.tables import audit_log


async def list_first(session: AsyncSession, *, limit: int) -> Sequence[Any]:
    """(id, at) of those that were noted first, in their order."""
    statement = select(audit_log.c.id, audit_log.c.at).order_by(audit_log.c.id).limit(limit)
    return (await session.execute(statement)).all()
