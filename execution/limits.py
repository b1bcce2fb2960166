"""Runs a module within its limits of time, output and print; beyond one of them it is stopped."""

import asyncio
import shutil

from execution.claims import Claim
from execution.failures import JobFailed
from execution.runners import Emit, Runner
from execution.settings import WorkerSettings
from execution.workspace import Workspace

LOOK_SECONDS = 0.5


async def run_within_limits(
    runner: Runner, claim: Claim, workspace: Workspace, emit: Emit, settings: WorkerSettings
) -> int:
    """The module's exit code; JobFailed names the limit that it reached."""
    seconds = float(settings.job_seconds_max)
    if claim.timeout_seconds is not None:
        seconds = min(seconds, claim.timeout_seconds)
    printing = _Printing(emit, settings.printed_bytes_max)
    running = asyncio.create_task(runner.run(claim.module, workspace, printing.emit))
    watching = asyncio.create_task(_watch_output(workspace, settings))
    counting = asyncio.create_task(printing.watch())
    try:
        tasks = {running, watching, counting}
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise JobFailed(f"time limit of {seconds:g} s reached")
        for broken in done - {running}:
            await broken
        return await running
    finally:
        for task in (running, watching, counting):
            task.cancel()
        await asyncio.gather(running, watching, counting, return_exceptions=True)


async def check_output(workspace: Workspace, settings: WorkerSettings) -> None:
    limits = settings.output_bytes_max, settings.output_files_max
    await asyncio.to_thread(workspace.refuse_too_much_output, *limits)


class _Printing:
    """Counts what a module prints; the log takes its beginning, and this says when to stop it."""

    def __init__(self, emit: Emit, bytes_max: int) -> None:
        self._emit = emit
        self._bytes_max = self._bytes_left = bytes_max
        self._is_too_much = asyncio.Event()

    def emit(self, output: bytes) -> None:
        self._bytes_left -= len(output)
        if self._bytes_left < 0:
            self._is_too_much.set()
        self._emit(output)

    async def watch(self) -> None:
        await self._is_too_much.wait()
        raise JobFailed(f"the module printed more than {self._bytes_max} bytes")


async def _watch_output(workspace: Workspace, settings: WorkerSettings) -> None:
    """A module that writes without end would fill the disk long before its time is up."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        await check_output(workspace, settings)
        _refuse_a_full_disk(workspace, settings.disk_free_bytes_min)


def _refuse_a_full_disk(workspace: Workspace, bytes_min: int) -> None:
    """Also against files that were removed while they are written: no listing shows them."""
    if shutil.disk_usage(workspace.root).free < bytes_min:
        raise JobFailed(f"the worker's disk is full: less than {bytes_min} bytes are free")
