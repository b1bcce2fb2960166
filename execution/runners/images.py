"""One image per module and commit, built from its own Dockerfile, once for all who need it.

A build serves more than the job that asked for it first: it goes on when that job is canceled, and
other workers of the same engine wait for it. Images that were not used for the longest time go.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

import docker
from docker.errors import APIError, ImageNotFound

from execution.claims import ModuleVersion
from execution.failures import JobFailed
from execution.runners import Emit
from execution.runners.build_turns import BuildTurns
from execution.runners.building import Build
from execution.settings import WorkerSettings

REPOSITORY = "mlsploit-module"


def image_name(module: ModuleVersion) -> str:
    """The tag holds what may be of any case; a repository's name may not."""
    return f"{REPOSITORY}:{_tag(module)}"


def _tag(module: ModuleVersion) -> str:
    return f"{module.commit}-{module.name}"


class Images:
    def __init__(
        self, engine: docker.DockerClient, settings: WorkerSettings, labels: dict[str, str]
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._turns = BuildTurns(engine, labels, settings.environment_seconds_max)
        self._builds: dict[str, asyncio.Task[None]] = {}

    async def ensure(self, module: ModuleVersion, checkout: Path, emit: Emit) -> None:
        """Only who begins a build hears what it says; JobFailed tells all how it failed."""
        name = image_name(module)
        if name not in self._builds and await asyncio.to_thread(self._use, module):
            return
        if name not in self._builds:
            self._builds[name] = asyncio.create_task(self._build(module, checkout, emit))
            self._builds[name].add_done_callback(lambda build: self._forget(name, build))
        await asyncio.shield(self._builds[name])

    def clear_leftovers(self) -> None:
        self._turns.clear_leftovers()

    async def stop(self) -> None:
        for build in list(self._builds.values()):
            build.cancel()
            await asyncio.wait({build})

    def _forget(self, name: str, build: asyncio.Task[None]) -> None:
        del self._builds[name]
        if not build.cancelled():
            build.exception()  # Perhaps nobody waits for it any more.

    async def _build(self, module: ModuleVersion, checkout: Path, emit: Emit) -> None:
        async with self._turns.turn(_tag(module)):
            # Another worker may have built it while this one waited.
            if await asyncio.to_thread(self._use, module):
                return
            emit(f"mlsploit: building the image of {module}\n".encode())
            build = Build(self._engine, image_name(module), checkout, self._settings)
            try:
                await build.to_end(emit)
            except JobFailed:
                if len(self._builds) == 1:
                    await asyncio.to_thread(build.remove_layers)
                raise
        await asyncio.to_thread(self._make_room)

    def _use(self, module: ModuleVersion) -> bool:
        """Whether it is there; naming it again tells the engine, and so all workers, of its use."""
        try:
            image = self._engine.images.get(image_name(module))
        except ImageNotFound:
            return False
        image.tag(REPOSITORY, _tag(module))
        return True

    def _make_room(self) -> None:
        """The engine keeps those of which there are containers."""
        used: dict[str, str] = {}
        for image in self._engine.images.list(REPOSITORY):
            last = image.attrs["Metadata"]["LastTagTime"]
            used |= {tag: last for tag in image.tags if tag.startswith(f"{REPOSITORY}:")}
        oldest_first = sorted(used, key=lambda tag: used[tag])
        for tag in oldest_first[: max(0, len(used) - self._settings.versions_kept_max)]:
            with suppress(APIError):
                self._engine.images.remove(tag)
