"""One build of an image from a module's checkout, by the engine, within limits of time and memory.

Its steps run as the Dockerfile says, with a network: a build is not the sandbox that a job runs in.
A build that fails leaves no layers, unless others are being built that may share them.
"""

import asyncio
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import docker
from docker.errors import APIError, DockerException

from execution.failures import JobFailed
from execution.processes import run_to_end
from execution.runners import Emit
from execution.runners.handing import into_this_loop
from execution.settings import WorkerSettings

PACKING = Path(__file__).with_name("context.py")
LAYER = re.compile(r"^ ---> ([0-9a-f]{12})$", re.MULTILINE)


@dataclass
class Build:
    engine: docker.DockerClient
    name: str
    checkout: Path
    settings: WorkerSettings
    last_layer: str | None = None

    async def to_end(self, emit: Emit) -> None:
        """JobFailed says what went wrong."""
        # Beside the checkout, where what a killed worker leaves is removed at its next start.
        with TemporaryDirectory(prefix="making-", dir=self.checkout.parent) as folder:
            context = Path(folder) / "context.tar"
            await self._pack(context, emit)
            await self._build(context, emit)

    async def _pack(self, context: Path, emit: Emit) -> None:
        seconds = self.settings.checkout_seconds_max
        command = [sys.executable, "-I", str(PACKING), str(self.checkout), str(context)]
        try:
            async with asyncio.timeout(seconds):
                code = await run_to_end(
                    command, folder=self.checkout, environment={"LANG": "C.UTF-8"}, emit=emit
                )
        except TimeoutError:
            raise JobFailed(f"packing the checkout took more than {seconds:g} s") from None
        if code != 0:
            raise JobFailed(f"packing the checkout failed with exit code {code}")

    async def _build(self, context: Path, emit: Emit) -> None:
        seconds = self.settings.environment_seconds_max
        emit_in_loop, stopped = into_this_loop(emit), threading.Event()
        try:
            async with asyncio.timeout(seconds):
                await _in_thread_of_its_own(lambda: self._follow(context, emit_in_loop, stopped))
        except TimeoutError:
            raise JobFailed(f"building the image took more than {seconds:g} s") from None
        except (DockerException, OSError) as error:
            raise JobFailed(f"building the image failed: {error}") from error
        finally:
            stopped.set()

    def remove_layers(self) -> None:
        """Down to the first that has a name, or that others are made of."""
        if self.last_layer is not None:
            with suppress(APIError):
                if not self.engine.images.get(self.last_layer).tags:
                    self.engine.images.remove(self.last_layer)

    def _follow(self, context: Path, emit: Emit, stopped: threading.Event) -> None:
        reasons = []
        with context.open("rb") as packed:
            for step in self._steps(packed):
                if stopped.is_set():
                    return
                said = step.get("stream", "")
                self.last_layer = next(iter(LAYER.findall(said)), self.last_layer)
                emit(said.encode())
                reasons += [step["error"]] if "error" in step else []
        if reasons:
            raise JobFailed(f"building the image failed: {reasons[0]}")
        self._refuse_too_large()

    def _steps(self, packed: BinaryIO) -> Iterator[dict[str, Any]]:
        memory = self.settings.docker_build_memory_bytes_max
        steps: Iterator[dict[str, Any]] = self.engine.api.build(
            fileobj=packed,
            custom_context=True,
            tag=self.name,
            rm=True,
            forcerm=True,
            decode=True,
            container_limits={"memory": memory, "memswap": memory},
        )
        return steps

    def _refuse_too_large(self) -> None:
        most = self.settings.docker_image_bytes_max
        if self.engine.images.get(self.name).attrs["Size"] > most:
            self.engine.images.remove(self.name)
            raise JobFailed(f"the image is larger than {most} bytes")


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
