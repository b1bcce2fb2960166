"""Runs a module in a container made from its own Dockerfile: no network, and limits on everything.

A container belongs to one worker folder by its label; those of a killed worker are removed at the
next start. What a module writes as root becomes the worker's own before anybody looks at it.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import docker
import structlog
from docker.errors import DockerException
from docker.models.containers import Container
from docker.types import Mount

from execution.checkout import Checkouts
from execution.claims import ModuleVersion
from execution.runners import Emit
from execution.runners.container import RunningContainer
from execution.runners.images import Images, image_name
from execution.settings import WorkerSettings
from execution.workspace import Workspace

LABEL = "mlsploit.worker"
THREADS_PER_JOB = 2
NANO = 1_000_000_000
# The user that an image runs as need not be the worker's.
WRITABLE_BY_ALL = 0o777

log = structlog.get_logger(__name__)

T = TypeVar("T")


class DockerRunner:
    def __init__(self, checkouts: Checkouts, settings: WorkerSettings) -> None:
        self._checkouts = checkouts
        self._settings = settings
        # A thread of its own for each job, and one to stop it.
        self._threads = ThreadPoolExecutor(THREADS_PER_JOB * settings.jobs)
        self._engine: docker.DockerClient
        self._images: Images

    async def start(self) -> None:
        self._checkouts.clear_leftovers()
        try:
            # A module may be silent for as long as it may run.
            self._engine = docker.from_env(timeout=self._settings.job_seconds_max)
            self._images = Images(self._engine, self._settings.environment_seconds_max)
            await self._in_thread(self._remove_leftovers)
        except DockerException as error:
            sys.exit(f"the Docker engine cannot be used: {error}")

    async def stop(self) -> None:
        await self._images.stop()
        self._engine.close()
        self._threads.shutdown()

    async def prepare(self, module: ModuleVersion, emit: Emit) -> None:
        checkout = await self._checkouts.prepare(module, emit)
        await self._images.ensure(module, checkout, emit)

    async def run(self, module: ModuleVersion, workspace: Workspace, emit: Emit) -> int:
        loop = asyncio.get_running_loop()

        def emit_in_loop(chunk: bytes) -> None:
            loop.call_soon_threadsafe(emit, chunk)

        workspace.output.chmod(WRITABLE_BY_ALL)
        running = RunningContainer(lambda: self._create(module, workspace), emit_in_loop)

        def to_end() -> int:
            try:
                return running.to_end()
            finally:
                self._take_over(workspace.output, image_name(module))

        return await self._stoppable(to_end, running.stop)

    def _create(self, module: ModuleVersion, workspace: Workspace) -> Container:
        settings = self._settings
        return self._engine.containers.create(
            image_name(module),
            mounts=[
                self._mount("/mnt/input", workspace.input, read_only=True),
                self._mount("/mnt/output", workspace.output),
            ],
            environment={"MLSPLOIT_JOB_DIR": "/mnt", "PYTHONUNBUFFERED": "1"},
            labels={LABEL: str(settings.folder)},
            network_mode="none",
            security_opt=["no-new-privileges"],
            mem_limit=settings.docker_memory_bytes_max,
            memswap_limit=settings.docker_memory_bytes_max,
            nano_cpus=int(settings.docker_cpus_max * NANO),
            pids_limit=settings.docker_processes_max,
        )

    def _mount(self, target: str, folder: Path, *, read_only: bool = False) -> Mount:
        """The folder as the engine sees it."""
        settings = self._settings
        outside = (settings.host_dir or settings.folder) / folder.relative_to(settings.folder)
        return Mount(target, str(outside), type="bind", read_only=read_only)

    def _take_over(self, folder: Path, image: str) -> None:
        """Give what modules wrote to the worker, which could not even remove it otherwise."""
        user = os.geteuid()
        if user == 0:
            return
        try:
            self._engine.containers.run(
                image,
                ["-R", "-h", f"{user}:{os.getegid()}", "/mnt/output"],
                entrypoint="chown",
                user="0:0",
                cap_drop=["ALL"],
                cap_add=["CHOWN", "DAC_READ_SEARCH"],
                mounts=[self._mount("/mnt/output", folder)],
                labels={LABEL: str(self._settings.folder)},
                network_mode="none",
                remove=True,
            )
        except DockerException as error:
            log.warning("output_not_taken_over", folder=str(folder), reason=str(error))

    def _remove_leftovers(self) -> None:
        label = f"{LABEL}={self._settings.folder}"
        for container in self._engine.containers.list(all=True, filters={"label": label}):
            log.info("leftover_removed", container=container.name)
            container.remove(force=True, v=True)
        jobs, image = self._settings.folder / "jobs", self._images.any_name()
        if image is not None and jobs.exists():
            self._take_over(jobs, image)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _stoppable(self, work: Callable[[], T], stop: Callable[[], None]) -> T:
        """Work in a thread that a cancellation stops, and waits for."""
        working = asyncio.ensure_future(self._in_thread(work))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            await self._in_thread(stop)
            await asyncio.wait({working})
            raise
