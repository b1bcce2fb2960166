"""What a new run would do, asked of the other services and judged; nothing is stored here yet.

Its files are described by being held, which saves a call; a run that is refused lets go of them.
Every fault is told at once, on the field it belongs to.
"""

import asyncio
import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from services.runs.arguments import options_for_job
from services.runs.dependencies import Peers
from services.runs.filetypes import file_faults
from services.runs.schemas import NewRun, NewRunForm
from shared.auth import Caller
from shared.bodies import Submission
from shared.clients.files import FilesClient, FileView
from shared.clients.modules import FUNCTIONS_BELIEVED_SECONDS, FunctionView, ModulesClient
from shared.clients.pipelines import PipelineView, TaskView
from shared.errors import LINK_MISSING, ApiError, InvalidFields, Unavailable

# They travel in the message that offers the job, and NATS takes none above a mebibyte.
ARGUMENTS_BYTES_MAX = 512 * 1024

Faults = defaultdict[str, list[str]]
Held = asyncio.Task[list[FileView]]


@dataclass(frozen=True)
class Step:
    """One job to be: a task, and the function as it stands now."""

    task_id: int
    function: FunctionView
    arguments: str


@dataclass(frozen=True)
class Plan:
    pipeline_id: int
    file_ids: list[int]
    steps: list[Step]
    # The key under which the files are held.
    holder: str


async def plan_run(peers: Peers, submission: Submission, caller: Caller) -> Plan:
    # Files lets go by itself of what is held for a key that no run ever comes with.
    holder = uuid4().hex
    right, wrong = submission.judge(NewRunForm if submission.is_form else NewRun)
    held = asyncio.create_task(_hold(peers.files, holder, right.get("files", []), caller))
    try:
        steps = await _judge(peers, right, defaultdict(list, wrong), held, caller)
    except ApiError:
        if await held:
            with suppress(Unavailable):
                await peers.files.let_go(holder, caller=caller)
        raise
    return Plan(right["pipeline"], right.get("files", []), steps, holder)


async def _judge(
    peers: Peers, right: dict[str, Any], faults: Faults, held: Held, caller: Caller
) -> list[Step]:
    pipeline = await _find_pipeline(peers, right.get("pipeline"), caller)
    files = await held
    if len(files) < len(right.get("files", ())):
        faults["files"].append(LINK_MISSING)
    steps = await _plan_steps(peers.modules, pipeline, caller, faults)
    if steps and not faults["files"]:
        first = steps[0].function
        types = [first.expected_filetype, *first.optional_filetypes]
        faults["files"] += file_faults([file.name for file in files], types)
    found = {field: texts for field, texts in faults.items() if texts}
    if found:
        raise InvalidFields(found)
    return steps


async def _find_pipeline(
    peers: Peers, pipeline_id: int | None, caller: Caller
) -> PipelineView | None:
    if pipeline_id is None:
        return None
    return await peers.pipelines.find_pipeline(pipeline_id, caller=caller)


async def _hold(
    files: FilesClient, holder: str, file_ids: list[int], caller: Caller
) -> list[FileView]:
    """All of them, or none when one of them will not do."""
    if not file_ids:
        return []
    try:
        return await files.hold(
            holder, file_ids, role="input", owner_id=caller.user_id, caller=caller
        )
    except InvalidFields:
        return []


async def _plan_steps(
    modules: ModulesClient, pipeline: PipelineView | None, caller: Caller, faults: Faults
) -> list[Step]:
    """A step for each task; what stands in the way goes to `faults`."""
    if faults["pipeline"]:
        return []
    fault = _pipeline_fault(pipeline)
    if pipeline is None or fault is not None:
        faults["pipeline"].append(fault or LINK_MISSING)
        return []
    function_ids = [task.function_id for task in pipeline.tasks if task.function_id is not None]
    functions = await modules.functions(
        function_ids, caller=caller, seconds_old_max=FUNCTIONS_BELIEVED_SECONDS
    )
    steps = []
    for number, task in enumerate(pipeline.tasks, start=1):
        function = functions.get(task.function_id or 0)
        if function is None:
            faults["pipeline"].append(
                f"Task {number} of pipeline '{pipeline.name}' has no function any more."
            )
        else:
            steps.append(_plan_step(number, task, function, faults))
    return [] if faults["pipeline"] else steps


def _pipeline_fault(pipeline: PipelineView | None) -> str | None:
    if pipeline is None:
        return LINK_MISSING
    if not pipeline.enabled:
        return f"Pipeline '{pipeline.name}' is not enabled."
    if not pipeline.tasks:
        return f"Pipeline '{pipeline.name}' has no tasks."
    return None


def _plan_step(number: int, task: TaskView, function: FunctionView, faults: Faults) -> Step:
    options: dict[str, Any]
    options, option_faults = options_for_job(task.arguments, function.options)
    faults["pipeline"] += [f"Task {number} ({function.name}): {text}" for text in option_faults]
    arguments = json.dumps(options)
    if len(arguments) > ARGUMENTS_BYTES_MAX:
        text = f"the arguments have {len(arguments)} bytes, at most {ARGUMENTS_BYTES_MAX} go"
        faults["pipeline"].append(f"Task {number} ({function.name}): {text}")
    return Step(task.id, function, arguments)
