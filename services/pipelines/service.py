"""The rules of pipelines: what a task may be, and what goes when something else goes."""

from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.pipelines import queries
from services.pipelines.arguments import find_faults
from services.pipelines.errors import AdministratorsOwnNothing
from services.pipelines.models import Pipeline, Task
from services.pipelines.presenter import show_task
from services.pipelines.queries import Chosen
from services.pipelines.schemas import (
    NAME_CHARACTERS_MAX,
    NO_ARGUMENTS,
    PipelineChange,
    PipelineClone,
    PipelineCreate,
    PipelineReplacement,
    TaskCreate,
)
from shared.auth import Caller
from shared.bodies import Submission
from shared.clients.modules import ModulesClient
from shared.db import Database
from shared.errors import LINK_MISSING, InvalidFields
from shared.events.pipelines import PipelineDeleted
from shared.hyperlinks import Hyperlinks
from shared.idempotency import keep_created
from shared.messaging.outbox import publish

COPY = " (copy)"


async def create_pipeline(
    session: AsyncSession, caller: Caller, submission: Submission
) -> Pipeline:
    _refuse_administrators(caller)
    body = submission.into(PipelineCreate)
    pipeline = Pipeline(owner_id=caller.user_id, name=body.name, enabled=body.enabled)
    session.add(pipeline)
    await session.flush()
    return pipeline


async def clone_pipeline(
    session: AsyncSession, pipeline_id: int, caller: Caller, submission: Submission
) -> Pipeline:
    """The same tasks in the same order, also those whose function is gone: a copy is faithful."""
    original = await queries.get_pipeline(session, pipeline_id, only_owner=caller.only_owner)
    _refuse_administrators(caller)
    body = submission.into(PipelineClone)
    clone = Pipeline(
        owner_id=original.owner_id,
        name=body.name or _name_of_copy(original.name),
        enabled=original.enabled,
    )
    session.add(clone)
    await session.flush()
    tasks = await queries.list_tasks_of(session, Chosen(caller.only_owner, ids=[pipeline_id]))
    session.add_all(
        Task(
            pipeline_id=clone.id or 0,
            function_id=task.function_id,
            arguments=task.arguments,
            order=task.order,
        )
        for task in tasks
    )
    await session.flush()
    return clone


def _name_of_copy(name: str) -> str:
    return name[: NAME_CHARACTERS_MAX - len(COPY)] + COPY


async def change_pipeline(
    database: Database,
    pipeline_id: int,
    submission: Submission,
    body_type: type[PipelineReplacement] | type[PipelineChange],
    *,
    only_owner: int | None,
) -> None:
    """Existence is judged before the body, as the contract orders it; the owner stays."""
    async with database.transaction() as session:
        pipeline = await queries.get_pipeline(session, pipeline_id, only_owner=only_owner)
        pipeline.sqlmodel_update(submission.into(body_type).changes())


async def delete_pipeline(session: AsyncSession, pipeline: Pipeline) -> None:
    """Its tasks go with it; its runs follow the event."""
    pipeline_id = pipeline.id or 0
    await session.execute(delete(Pipeline).where(col(Pipeline.id) == pipeline_id))
    await publish(session, PipelineDeleted(pipeline_id=pipeline_id, owner_id=pipeline.owner_id))


async def add_task(
    database: Database,
    caller: Caller,
    submission: Submission,
    links: Hyperlinks,
    *,
    modules: ModulesClient,
) -> dict[str, Any]:
    """A task at the end of one of the caller's pipelines, enabled or not."""
    _refuse_administrators(caller)
    body = await _judge_task(database, caller, submission, modules)
    async with database.transaction() as session:
        # It may have gone while the modules service was asked.
        if await queries.lock_pipeline(session, body.pipeline) is None:
            raise InvalidFields.of_field("pipeline", LINK_MISSING)
        task = Task(
            pipeline_id=body.pipeline,
            function_id=body.function,
            arguments=body.arguments,
            order=await queries.next_order(session, body.pipeline),
        )
        session.add(task)
        await session.flush()
        return await keep_created(session, show_task(task, caller.user_id, links))


async def _judge_task(
    database: Database, caller: Caller, submission: Submission, modules: ModulesClient
) -> TaskCreate:
    """Faults of all fields at once; no transaction is open while the modules service is asked."""
    right, faults = submission.judge(TaskCreate)
    if "pipeline" in right and not await _has_pipeline(database, caller, right["pipeline"]):
        faults["pipeline"] = [LINK_MISSING]
    if "function" in right:
        # Arguments that are no JSON are wrong for that alone.
        faults = {**await _function_faults(modules, caller, right), **faults}
    if faults:
        raise InvalidFields(faults)
    return submission.into(TaskCreate)


async def _has_pipeline(database: Database, caller: Caller, pipeline_id: int) -> bool:
    async with database.reading() as session:
        found = await queries.find_pipeline(session, pipeline_id, only_owner=caller.user_id)
    return found is not None


async def _function_faults(
    modules: ModulesClient, caller: Caller, right: dict[str, Any]
) -> dict[str, list[str]]:
    """Of the function, and of the arguments as far as they are JSON at all."""
    function_id = right["function"]
    function = (await modules.functions([function_id], caller=caller)).get(function_id)
    if function is None:
        return {"function": [LINK_MISSING]}
    found = find_faults(right.get("arguments", NO_ARGUMENTS), function.options)
    return {"arguments": found} if found else {}


async def delete_pipelines_of(session: AsyncSession, owner_id: int) -> None:
    for pipeline in await queries.lock_pipelines_of(session, owner_id):
        await delete_pipeline(session, pipeline)


async def forget_functions(session: AsyncSession, function_ids: list[int]) -> None:
    """Tasks stay, with a null function: a run of their pipeline is refused, saying which."""
    statement = update(Task).where(col(Task.function_id).in_(function_ids))
    await session.execute(statement.values(function_id=None))


def _refuse_administrators(caller: Caller) -> None:
    if caller.is_staff:
        raise AdministratorsOwnNothing
