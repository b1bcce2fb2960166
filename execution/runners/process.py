"""Runs a module as a process of this machine, with a virtual environment of its own.

It keeps a module from the worker's secrets and from outliving its job, and from nothing else:
for trusted modules on a developer's machine. The Docker runner is for all others.
"""

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path

import structlog

from execution.checkout import Checkouts
from execution.claims import ModuleVersion
from execution.environments import Environments
from execution.failures import JobFailed
from execution.processes import Isolation, run_to_end
from execution.runners import Emit
from execution.workspace import Workspace

log = structlog.get_logger(__name__)

RUN_SCRIPT = "run.sh"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PROBE = "test -d /mnt/input && : > /mnt/output/seen"


class ProcessRunner:
    """`sh run.sh` at the root of a copy of the checkout."""

    def __init__(self, checkouts: Checkouts, environments: Environments, folder: Path) -> None:
        self._checkouts = checkouts
        self._environments = environments
        self._folder = folder
        self.isolation: Isolation = "none"

    async def start(self) -> None:
        self._checkouts.clear_leftovers()
        self._environments.clear_leftovers()
        self.isolation = await self._find_isolation()
        log.warning(
            "process_runner",
            note="modules run as this user's own processes: for trusted modules on a "
            "developer's machine",
            isolation=self.isolation,
        )
        if self.isolation == "none":
            log.warning(
                "no_mount_namespace",
                note="modules find their files through MLSPLOIT_JOB_DIR only, not in /mnt",
            )

    async def stop(self) -> None:
        """Nothing outlives a job."""

    async def prepare(self, module: ModuleVersion, emit: Emit) -> None:
        checkout = await self._checkouts.prepare(module, emit)
        await self._environments.prepare(module, checkout, emit)

    async def run(self, module: ModuleVersion, workspace: Workspace, emit: Emit) -> int:
        with self._checkouts.using(module) as checkout, self._environments.using(module):
            if not (checkout / RUN_SCRIPT).is_file():
                raise JobFailed(f"{RUN_SCRIPT} is missing in {module}")
            await asyncio.to_thread(_copy, checkout, workspace.module)
            return await run_to_end(
                ["sh", RUN_SCRIPT],
                folder=workspace.module,
                environment=self._environment(module, workspace),
                emit=emit,
                isolation=self.isolation,
                job_dir=workspace.root,
            )

    def _environment(self, module: ModuleVersion, workspace: Workspace) -> Mapping[str, str]:
        """All that a module may know of its surroundings: nothing of the worker's own."""
        virtual = self._environments.path(module)
        return {
            "PATH": f"{virtual}/bin:{SYSTEM_PATH}",
            "VIRTUAL_ENV": str(virtual),
            "MLSPLOIT_JOB_DIR": str(workspace.root),
            "HOME": str(workspace.scratch),
            "TMPDIR": str(workspace.scratch),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
        }

    async def _find_isolation(self) -> Isolation:
        """The most that this kernel allows, found by trying."""
        levels: tuple[Isolation, ...] = ("full", "mounts")
        for isolation in levels:
            if await self._is_possible(isolation):
                return isolation
        return "none"

    async def _is_possible(self, isolation: Isolation) -> bool:
        workspace = Workspace(self._folder / "probe")
        workspace.remove()
        said = bytearray()
        try:
            workspace.make()
            code = await run_to_end(
                ["sh", "-c", PROBE],
                folder=workspace.root,
                environment={"PATH": SYSTEM_PATH},
                emit=said.extend,
                isolation=isolation,
                job_dir=workspace.root,
            )
            seen = (workspace.output / "seen").exists()
        finally:
            workspace.remove()
        if code == 0 and seen:
            return True
        log.info("isolation_not_possible", isolation=isolation, reason=said.decode().strip())
        return False


def _copy(checkout: Path, target: Path) -> None:
    shutil.copytree(checkout, target, symlinks=True, ignore=shutil.ignore_patterns(".git"))
