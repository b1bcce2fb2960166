"""Pipelines and tasks as clients see them; the order of the fields is the contract's."""

from collections import defaultdict
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.pipelines import queries
from services.pipelines.models import Pipeline
from services.pipelines.queries import Chosen
from shared.auth import Caller
from shared.clients.runs import RunsClient
from shared.clock import shown
from shared.db import Database
from shared.errors import NotFound
from shared.hyperlinks import Hyperlinks
from shared.lists import narrowed
from shared.paging import Page

PIPELINE_FIELDS = ("id", "url", "name", "owner", "tasks", "runs", "enabled", "date_created")
# What the runs service tells, and the scope that a narrowed token needs for it.
RUNS_FIELD, RUNS_SCOPE = "runs", "runs:read"
TASK_FIELDS = (
    "id",
    "url",
    "owner",
    "pipeline",
    "function",
    "arguments",
    "order",
    "date_created",
)


async def show_tasks(
    session: AsyncSession,
    chosen: Chosen,
    ids: list[int] | None,
    links: Hyperlinks,
    wanted: frozenset[str],
    page: Page,
) -> list[dict[str, Any]]:
    rows = await queries.list_tasks(session, chosen, page, ids=ids)
    return [narrowed(show_task(row, row.owner_id, links), wanted) for row in rows]


def show_task(row: Any, owner_id: int, links: Hyperlinks) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": links.item("tasks", row.id),
        "owner": links.item("users", owner_id),
        "pipeline": links.item("pipelines", row.pipeline_id),
        "function": links.maybe("functions", row.function_id),
        "arguments": row.arguments,
        "order": row.order,
        "date_created": shown(row.created_at),
    }


class PipelinePresenter:
    """Two queries and one call for any number of pipelines; no transaction is open in the call."""

    def __init__(self, database: Database, links: Hyperlinks, runs: RunsClient):
        self._database = database
        self._links = links
        self._runs = runs
        self._runs_url = links.path("/api/v1/runs/")

    async def show(
        self,
        chosen: Chosen,
        caller: Caller,
        wanted: frozenset[str] = frozenset(PIPELINE_FIELDS),
        page: Page | None = None,
    ) -> list[dict[str, Any]]:
        page = page or Page(queries.PIPELINE_ORDERS)
        if not caller.may(RUNS_SCOPE):
            wanted -= {RUNS_FIELD}
        async with self._database.reading() as session:
            rows = await queries.list_pipelines(session, chosen, page)
            of_these = page.narrowed(chosen, rows)
            tasks = await queries.list_tasks_of(session, of_these) if "tasks" in wanted else []
        tasks_by_pipeline = defaultdict(list)
        for task in tasks:
            tasks_by_pipeline[task.pipeline_id].append(self._task(task))
        run_ids: dict[int, list[int]] = {}
        if rows and RUNS_FIELD in wanted:
            run_ids = await self._runs.ids_by_pipeline([row.id for row in rows], caller=caller)
        return [
            narrowed(
                self._pipeline(row, tasks_by_pipeline[row.id], run_ids.get(row.id, [])), wanted
            )
            for row in rows
        ]

    async def show_one(
        self,
        pipeline_id: int,
        caller: Caller,
        wanted: frozenset[str] = frozenset(PIPELINE_FIELDS),
    ) -> dict[str, Any]:
        found = await self.show(Chosen(caller.only_owner, ids=[pipeline_id]), caller, wanted)
        if not found:
            raise NotFound
        return found[0]

    def show_new(self, pipeline: Pipeline) -> dict[str, Any]:
        """Nobody can have used it yet, so nobody is asked."""
        return self._pipeline(pipeline, tasks=[], run_ids=[])

    async def show_clone(self, session: AsyncSession, clone: Pipeline) -> dict[str, Any]:
        """Within the transaction that makes it: it has tasks, and no runs yet."""
        chosen = Chosen(clone.owner_id, ids=[clone.id or 0])
        tasks = [self._task(task) for task in await queries.list_tasks_of(session, chosen)]
        return self._pipeline(clone, tasks, run_ids=[])

    def _pipeline(
        self, row: Any, tasks: list[dict[str, Any]], run_ids: list[int]
    ) -> dict[str, Any]:
        return {
            "id": row.id,
            "url": self._links.item("pipelines", row.id),
            "name": row.name,
            "owner": self._links.item("users", row.owner_id),
            "tasks": tasks,
            "runs": [f"{self._runs_url}{run_id}/" for run_id in run_ids],
            "enabled": row.enabled,
            "date_created": shown(row.created_at),
        }

    def _task(self, row: Any) -> dict[str, Any]:
        return {
            "id": row.id,
            "url": self._links.item("tasks", row.id),
            "function": self._links.maybe("functions", row.function_id),
            "arguments": row.arguments,
            "order": row.order,
        }
