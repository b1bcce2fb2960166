"""Every SELECT about backends; those that are gone are never among them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.models import Backend
from shared.clock import utc_now
from shared.db import col
from shared.paging import Orders, Page

BACKEND_COLUMNS = (
    col(Backend.id),
    col(Backend.owner_id),
    col(Backend.name),
    col(Backend.modules),
    col(Backend.jobs),
    col(Backend.seen_at),
)
BACKEND_ORDERS = Orders({"id": col(Backend.id), "seen": col(Backend.seen_at)}, col(Backend.seen_at))

# (only owner, modules) of every backend that is present; asked with every list of jobs.
SERVED = select(col(Backend.only_owner_id), col(Backend.modules)).where(
    col(Backend.present_until) > bindparam("now")
)


async def list_present(
    session: AsyncSession, page: Page, *, only_owner: int | None
) -> Sequence[Any]:
    statement = select(*BACKEND_COLUMNS).where(col(Backend.present_until) > utc_now())
    if only_owner is not None:
        statement = statement.where(col(Backend.owner_id) == only_owner)
    return page.cut((await session.execute(page.applied(statement), page.params)).all())


async def list_served(session: AsyncSession) -> Sequence[Any]:
    """(only owner, modules) of every backend that is present."""
    return (await session.execute(SERVED, {"now": utc_now()})).all()


async def find_backend(session: AsyncSession, owner_id: int, name: str) -> Backend | None:
    statement = select(Backend).where(
        col(Backend.owner_id) == owner_id,
        col(Backend.name) == name,
        col(Backend.present_until) > utc_now(),
    )
    return (await session.scalars(statement)).one_or_none()
