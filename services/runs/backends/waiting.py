"""Why a job waits: for the one before it, for a backend that does its module, or for its turn."""

import json
from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.backends import queries

WaitingReason = Literal["dependency", "no_backend_for_module", "queued"]

Served = frozenset[tuple[int | None, str | None]]


async def served_now(session: AsyncSession, rows: Sequence[Any]) -> Served:
    """(whose jobs, module), with None for all; asked once for any number of jobs, if at all."""
    if not any(row.status == "PENDING" and row.ready_at is not None for row in rows):
        return frozenset()
    return frozenset(
        (one.only_owner_id, module)
        for one in await queries.list_served(session)
        for module in ([None] if one.modules is None else json.loads(one.modules))
    )


def waiting_reason(row: Any, served: Served) -> WaitingReason | None:
    """Of a job's row; None unless it is PENDING."""
    if row.status != "PENDING":
        return None
    if row.ready_at is None:
        return "dependency"
    wanted = {(owner, module) for owner in (None, row.owner_id) for module in (None, row.module)}
    return "no_backend_for_module" if served.isdisjoint(wanted) else "queued"
