"""Runs a module in a container made from its own Dockerfile: no network, and limits on everything.

A container belongs to one worker folder by its label; those of a killed worker are removed at the
next start.
"""

import asyncio
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

import docker
import structlog
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.containers import Container
from docker.types import Mount

from execution.checkout import Checkouts
from execution.claims import ModuleVersion
from execution.failures import JobFailed
from execution.runners import Emit
from execution.settings import WorkerSettings
from execution.workspace import Workspace

LABEL = "mlsploit.worker"
THREADS_PER_JOB = 2
NANO = 1_000_000_000

log = structlog.get_logger(__name__)

T = TypeVar("T")


class DockerRunner:
    def __init__(self, checkouts: Checkouts, settings: WorkerSettings) -> None:
        self._checkouts = checkouts
        self._settings = settings
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # A thread of its own for each job, one to stop it, and one to build.
        self._threads = ThreadPoolExecutor(THREADS_PER_JOB * settings.jobs + 1)
        self._engine: docker.DockerClient

    async def start(self) -> None:
        self._checkouts.clear_leftovers()
        try:
            # A module may be silent for as long as it may run.
            self._engine = docker.from_env(timeout=self._settings.job_seconds_max)
            await self._in_thread(self._remove_leftovers)
        except DockerException as error:
            sys.exit(f"the Docker engine cannot be used: {error}")

    async def stop(self) -> None:
        self._engine.close()
        self._threads.shutdown()

    async def prepare(self, module: ModuleVersion, emit: Emit) -> None:
        checkout = await self._checkouts.prepare(module, emit)
        async with self._locks[module.key]:
            if not await self._in_thread(lambda: self._has_image(module)):
                emit(f"mlsploit: building the image of {module}\n".encode())
                await self._build(module, checkout, emit)

    async def run(self, module: ModuleVersion, workspace: Workspace, emit: Emit) -> int:
        loop = asyncio.get_running_loop()

        def emit_in_loop(chunk: bytes) -> None:
            loop.call_soon_threadsafe(emit, chunk)

        running = _RunningContainer(lambda: self._create(module, workspace), emit_in_loop)
        return await self._stoppable(running.to_end, running.stop)

    async def _build(self, module: ModuleVersion, checkout: Path, emit: Emit) -> None:
        loop = asyncio.get_running_loop()
        stopped = threading.Event()

        def build() -> None:
            steps = self._engine.api.build(
                path=str(checkout), tag=image_name(module), rm=True, forcerm=True, decode=True
            )
            reasons = []
            for step in steps:
                if stopped.is_set():
                    return
                loop.call_soon_threadsafe(emit, step.get("stream", "").encode())
                reasons += [step["error"]] if "error" in step else []
            if reasons:
                raise JobFailed(f"building the image failed: {reasons[0]}")

        seconds = self._settings.environment_seconds_max
        try:
            async with asyncio.timeout(seconds):
                await self._stoppable(build, stopped.set)
        except TimeoutError:
            raise JobFailed(f"building the image took more than {seconds} s") from None
        except (DockerException, OSError) as error:
            raise JobFailed(f"building the image failed: {error}") from error

    def _create(self, module: ModuleVersion, workspace: Workspace) -> Container:
        settings = self._settings
        folder = (settings.host_dir or settings.folder) / workspace.root.relative_to(
            settings.folder
        )
        return self._engine.containers.create(
            image_name(module),
            mounts=[
                Mount("/mnt/input", str(folder / "input"), type="bind", read_only=True),
                Mount("/mnt/output", str(folder / "output"), type="bind"),
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

    def _has_image(self, module: ModuleVersion) -> bool:
        try:
            self._engine.images.get(image_name(module))
        except ImageNotFound:
            return False
        return True

    def _remove_leftovers(self) -> None:
        label = f"{LABEL}={self._settings.folder}"
        for container in self._engine.containers.list(all=True, filters={"label": label}):
            log.info("leftover_removed", container=container.name)
            container.remove(force=True)

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


class _RunningContainer:
    """One container from creation to removal, in one thread; `stop` comes from another."""

    def __init__(self, create: Callable[[], Container], emit: Emit) -> None:
        self._create = create
        self._emit = emit
        self._stopped = threading.Event()
        self._container: Container | None = None

    def to_end(self) -> int:
        try:
            self._container = container = self._create()
        except (DockerException, OSError) as error:
            raise JobFailed(f"the container could not be made: {error}") from error
        try:
            return self._follow(container)
        except (DockerException, OSError) as error:
            raise JobFailed(f"the container could not be run: {error}") from error
        finally:
            with suppress(DockerException, OSError):
                container.remove(force=True, v=True)

    def stop(self) -> None:
        self._stopped.set()
        if self._container is not None:
            self._kill(self._container)

    def _follow(self, container: Container) -> int:
        container.start()
        # Told to stop before it ran: there was nothing to kill then.
        if self._stopped.is_set():
            self._kill(container)
        with closing(container.logs(stream=True, follow=True)) as chunks:
            for chunk in chunks:
                self._emit(chunk)
        return int(container.wait()["StatusCode"])

    def _kill(self, container: Container) -> None:
        with suppress(APIError):
            container.kill()


def image_name(module: ModuleVersion) -> str:
    """The tag holds what may be of any case; a repository's name may not."""
    return f"mlsploit-module:{module.commit}-{module.name}"
