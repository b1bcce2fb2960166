"""Every SELECT of this service. `Chosen` carries who asks, so no read forgets it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.pipelines.models import Pipeline, Task
from shared.db import col, table_of
from shared.errors import NotFound
from shared.paging import Orders, Page
from shared.selections import Narrowing, Selection

PIPELINE_COLUMNS = (
    col(Pipeline.id),
    col(Pipeline.name),
    col(Pipeline.owner_id),
    col(Pipeline.enabled),
    col(Pipeline.created_at),
)
TASK_COLUMNS = (
    col(Task.id),
    col(Task.pipeline_id),
    col(Task.function_id),
    col(Task.arguments),
    col(Task.order),
    col(Task.created_at),
)
PIPELINES = Selection(select(*PIPELINE_COLUMNS))
_TASKS = select(*TASK_COLUMNS, col(Pipeline.owner_id)).join(
    table_of(Pipeline), col(Pipeline.id) == col(Task.pipeline_id)
)
# Each with its owner.
TASKS = Selection(_TASKS)
TASKS_OF_PIPELINES = Selection(_TASKS.order_by(col(Task.pipeline_id), col(Task.order)))
PIPELINE_ORDERS = Orders(
    {"id": col(Pipeline.id), "date_created": col(Pipeline.created_at)},
    created=col(Pipeline.created_at),
)
TASK_ORDERS = Orders(
    {"order": col(Task.order), "id": col(Task.id), "date_created": col(Task.created_at)},
    created=col(Task.created_at),
    default="order",
)


@dataclass(frozen=True)
class Chosen:
    """Which pipelines: those this caller may see (`only_owner` None is for staff), narrowed."""

    only_owner: int | None
    ids: list[int] | None = None
    owner_ids: list[int] | None = None

    def narrowing(self) -> Narrowing:
        return (
            (col(Pipeline.owner_id), None if self.only_owner is None else [self.only_owner]),
            (col(Pipeline.id), self.ids),
            (col(Pipeline.owner_id), self.owner_ids),
        )


async def list_pipelines(session: AsyncSession, chosen: Chosen, page: Page) -> Sequence[Any]:
    """Ascending, as the contract has it."""
    return await PIPELINES.rows(session, chosen.narrowing(), page)


async def list_tasks_of(session: AsyncSession, chosen: Chosen) -> Sequence[Any]:
    """The tasks of all chosen pipelines in one go, in their order."""
    return await TASKS_OF_PIPELINES.rows(session, chosen.narrowing())


async def list_tasks(
    session: AsyncSession,
    chosen: Chosen,
    page: Page | None = None,
    *,
    ids: list[int] | None = None,
) -> Sequence[Any]:
    """By order, then id, across all chosen pipelines, each with its owner."""
    narrowing = (*chosen.narrowing(), (col(Task.id), ids))
    return await TASKS.rows(session, narrowing, page or Page(TASK_ORDERS))


async def get_task_row(session: AsyncSession, task_id: int, *, only_owner: int | None) -> Any:
    rows = await list_tasks(session, Chosen(only_owner), ids=[task_id])
    if not rows:
        raise NotFound
    return rows[0]


async def find_pipeline(
    session: AsyncSession, pipeline_id: int, *, only_owner: int | None
) -> Pipeline | None:
    pipeline = await session.get(Pipeline, pipeline_id)
    if pipeline is None or only_owner not in (None, pipeline.owner_id):
        return None
    return pipeline


async def get_pipeline(
    session: AsyncSession, pipeline_id: int, *, only_owner: int | None
) -> Pipeline:
    pipeline = await find_pipeline(session, pipeline_id, only_owner=only_owner)
    if pipeline is None:
        raise NotFound
    return pipeline


async def lock_pipeline(session: AsyncSession, pipeline_id: int) -> Pipeline | None:
    """Held until the transaction ends. SQLite needs no row lock: its writers take turns anyway."""
    return await session.get(Pipeline, pipeline_id, with_for_update=True)


async def lock_pipelines_of(session: AsyncSession, owner_id: int) -> Sequence[Pipeline]:
    statement = select(Pipeline).where(col(Pipeline.owner_id) == owner_id)
    return (await session.scalars(statement.order_by(col(Pipeline.id)).with_for_update())).all()


async def next_order(session: AsyncSession, pipeline_id: int) -> int:
    """The place of a new task; only under `lock_pipeline`, or two tasks want the same one."""
    statement = select(func.max(col(Task.order))).where(col(Task.pipeline_id) == pipeline_id)
    return ((await session.scalars(statement)).one() or 0) + 1
