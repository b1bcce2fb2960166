"""Runs a module within its limits of time and output; beyond one of them it is stopped."""

import asyncio

from execution.claims import Claim
from execution.failures import JobFailed
from execution.runners import Emit, Runner
from execution.settings import WorkerSettings
from execution.workspace import Workspace

LOOK_SECONDS = 2.0


async def run_within_limits(
    runner: Runner, claim: Claim, workspace: Workspace, emit: Emit, settings: WorkerSettings
) -> int:
    """The module's exit code; JobFailed names the limit that it reached."""
    seconds = float(settings.job_seconds_max)
    if claim.timeout_seconds is not None:
        seconds = min(seconds, claim.timeout_seconds)
    running = asyncio.create_task(runner.run(claim.module, workspace, emit))
    watching = asyncio.create_task(_watch_output(workspace, settings))
    try:
        tasks = {running, watching}
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise JobFailed(f"time limit of {seconds:g} s reached")
        if watching in done:
            await watching
        return await running
    finally:
        for task in (running, watching):
            task.cancel()
        await asyncio.gather(running, watching, return_exceptions=True)


async def check_output(workspace: Workspace, settings: WorkerSettings) -> None:
    limits = settings.output_bytes_max, settings.output_files_max
    await asyncio.to_thread(workspace.refuse_too_much_output, *limits)


async def _watch_output(workspace: Workspace, settings: WorkerSettings) -> None:
    """A module that writes without end would fill the disk long before its time is up."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        await check_output(workspace, settings)
