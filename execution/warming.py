"""Prepares modules before their first job comes, one at a time, each commit once.

It only ever saves time: a job prepares its module itself when this has not, or has failed.
"""

import asyncio

import structlog

from execution.claims import ModuleVersion
from execution.failures import JobFailed
from execution.runners import Runner

log = structlog.get_logger(__name__)


class Warming:
    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        # Preparing takes the processor that running jobs need.
        self._one_at_a_time = asyncio.Lock()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, module: ModuleVersion) -> None:
        if module.key not in self._tasks:
            self._tasks[module.key] = asyncio.create_task(self._prepare(module))

    async def stop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _prepare(self, module: ModuleVersion) -> None:
        said = bytearray()
        async with self._one_at_a_time:
            try:
                await self._runner.prepare(module, said.extend)
            except (JobFailed, OSError) as failure:
                log.warning(
                    "module_not_prepared",
                    module=str(module),
                    reason=str(failure),
                    said=said.decode(errors="replace"),
                )
            else:
                log.info("module_prepared", module=str(module))
