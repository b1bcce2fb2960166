"""Runs a module in a container made from its own Dockerfile: no network, and limits on everything.

A container belongs to one worker folder by its label; those of a killed worker are removed at the
next start. What it is refused and allowed stands in sandbox.py.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import docker
import structlog
from docker.errors import APIError, DockerException
from docker.models.containers import Container
from docker.types import Mount

from execution.checkout import Checkouts
from execution.claims import ModuleVersion
from execution.runners import Emit
from execution.runners.container import RunningContainer
from execution.runners.handing import into_this_loop
from execution.runners.images import Images, image_name
from execution.runners.needs import asked_for, granted, refusals
from execution.runners.sandbox import container_request, opening_request
from execution.settings import WorkerSettings
from execution.workspace import Workspace

LABEL = "mlsploit.worker"
THREADS_PER_JOB = 2
# The user that an image runs as need not be the worker's.
OPEN_TO_ALL = 0o777
OPEN_TO_THE_WORKER = 0o700
OPENING_SECONDS_MAX = 60

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
            self._images = Images(self._engine, self._settings, self._labels)
            await self._in_thread(self._images.clear_leftovers)
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
        # Whoever the module runs as: what is beside them is nobody else's to see.
        workspace.root.chmod(OPEN_TO_THE_WORKER)
        workspace.output.chmod(OPEN_TO_ALL)
        emit_in_loop = into_this_loop(emit)
        running = RunningContainer(
            lambda: self._create(module, workspace, emit_in_loop), self._open_output, emit_in_loop
        )
        return await self._stoppable(running.to_end, running.stop)

    def _create(self, module: ModuleVersion, workspace: Workspace, emit: Emit) -> Container:
        image = self._engine.images.get(image_name(module))
        asked = asked_for(image.labels)
        for sentence in refusals(module.name, asked, self._settings):
            emit(f"mlsploit: {sentence}\n".encode())
        mounts = [
            self._mount("/mnt/input", workspace.input, read_only=True),
            self._mount("/mnt/output", workspace.output),
        ]
        user = image.attrs["Config"].get("User") or ""
        rights = granted(module.name, asked, self._settings)
        request = container_request(self._settings, mounts, user, rights)
        return self._engine.containers.create(image, labels=self._labels, **request)

    @property
    def _labels(self) -> dict[str, str]:
        return {LABEL: str(self._settings.folder)}

    def _mount(self, target: str, folder: Path, *, read_only: bool = False) -> Mount:
        """The folder as the engine sees it."""
        settings = self._settings
        outside = (settings.host_dir or settings.folder) / folder.relative_to(settings.folder)
        return Mount(target, str(outside), type="bind", read_only=read_only)

    def _open_output(self, container: Container) -> None:
        """A worker that is not root could not even remove what the module's user wrote."""
        if os.geteuid() == 0:
            return
        user = container.attrs["Config"]["User"]
        for found in container.attrs["Mounts"]:
            if found["RW"] and found["Type"] == "bind":
                mount = Mount("/mnt/output", found["Source"], type="bind")
                request = opening_request(self._settings, [mount], user)
                self._run_briefly(container.attrs["Image"], request)

    def _run_briefly(self, image: str, request: dict[str, Any]) -> None:
        try:
            container = self._engine.containers.create(image, labels=self._labels, **request)
            try:
                container.start()
                container.wait(timeout=OPENING_SECONDS_MAX)
            finally:
                container.remove(force=True, v=True)
        except (DockerException, OSError) as error:
            log.warning("output_not_opened", reason=str(error))

    def _remove_leftovers(self) -> None:
        label = f"{LABEL}={self._settings.folder}"
        for container in self._engine.containers.list(all=True, filters={"label": label}):
            log.info("leftover_removed", container=container.name)
            with suppress(APIError):
                container.kill()
            self._open_output(container)
            container.remove(force=True, v=True)

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
