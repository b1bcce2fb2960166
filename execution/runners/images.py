"""One image per module and commit, built from its own Dockerfile, once for all who need it.

A build serves more than the job that asked for it first: it goes on when that job is canceled.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import docker
from docker.errors import DockerException, ImageNotFound

from execution.claims import ModuleVersion
from execution.failures import JobFailed
from execution.runners import Emit

REPOSITORY = "mlsploit-module"


def image_name(module: ModuleVersion) -> str:
    """The tag holds what may be of any case; a repository's name may not."""
    return f"{REPOSITORY}:{module.commit}-{module.name}"


class Images:
    def __init__(self, engine: docker.DockerClient, seconds_max: float) -> None:
        self._engine = engine
        self._seconds_max = seconds_max
        self._builds: dict[str, asyncio.Task[None]] = {}

    async def ensure(self, module: ModuleVersion, checkout: Path, emit: Emit) -> None:
        """Only who begins a build hears what it says; JobFailed tells all how it failed."""
        name = image_name(module)
        if name not in self._builds and await asyncio.to_thread(self._has, name):
            return
        if name not in self._builds:
            emit(f"mlsploit: building the image of {module}\n".encode())
            self._builds[name] = asyncio.create_task(self._build(name, checkout, emit))
            self._builds[name].add_done_callback(lambda build: self._forget(name, build))
        await asyncio.shield(self._builds[name])

    async def stop(self) -> None:
        for build in list(self._builds.values()):
            build.cancel()
            await asyncio.wait({build})

    def _forget(self, name: str, build: asyncio.Task[None]) -> None:
        del self._builds[name]
        if not build.cancelled():
            build.exception()  # Perhaps nobody waits for it any more.

    def _has(self, name: str) -> bool:
        try:
            self._engine.images.get(name)
        except ImageNotFound:
            return False
        return True

    async def _build(self, name: str, checkout: Path, emit: Emit) -> None:
        loop = asyncio.get_running_loop()
        stopped = threading.Event()

        def build() -> None:
            steps = self._engine.api.build(
                path=str(checkout), tag=name, rm=True, forcerm=True, decode=True
            )
            reasons = []
            for step in steps:
                if stopped.is_set():
                    return
                loop.call_soon_threadsafe(emit, step.get("stream", "").encode())
                reasons += [step["error"]] if "error" in step else []
            if reasons:
                raise JobFailed(f"building the image failed: {reasons[0]}")

        try:
            async with asyncio.timeout(self._seconds_max):
                await _in_thread_of_its_own(build)
        except TimeoutError:
            raise JobFailed(f"building the image took more than {self._seconds_max:g} s") from None
        except (DockerException, OSError) as error:
            raise JobFailed(f"building the image failed: {error}") from error
        finally:
            stopped.set()


async def _in_thread_of_its_own(work: Callable[[], None]) -> None:
    """A silent step of a build cannot be interrupted, and nobody, not even the worker's end, waits
    for it: the engine gives it up when the connection is gone."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if not done.done():
            done.set_exception(error) if error else done.set_result(None)

    def run() -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as failure:
            error = failure
        # After the worker's end there is no loop to tell.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=run, daemon=True).start()
    await done
