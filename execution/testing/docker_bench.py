"""A Docker runner on a real engine for one test, and nothing of it afterwards."""

from pathlib import Path

import docker

from execution.checkout import Checkouts
from execution.claims import ModuleVersion
from execution.runners.docker import LABEL, DockerRunner
from execution.runners.images import image_name
from execution.settings import WorkerSettings
from execution.testing.engine import DOCKERFILE
from execution.testing.repositories import make_repository
from execution.workspace import Workspace


class Bench:
    """A runner, a workspace, and what the module said."""

    def __init__(self, folder: Path) -> None:
        self.settings = WorkerSettings.model_validate({"dir": folder / "worker", "token": "t"})
        self.engine = docker.from_env()
        self.said = bytearray()
        self.workspace = Workspace(self.settings.folder / "jobs" / "1")
        self.workspace.make()
        self.modules: list[ModuleVersion] = []
        self.runners: list[DockerRunner] = []
        self._folder = folder

    async def start_runner(self) -> DockerRunner:
        checkouts = Checkouts(
            self.settings.folder / "checkouts", self.settings.checkout_limits, kept_max=9
        )
        self.runners.append(DockerRunner(checkouts, self.settings))
        await self.runners[-1].start()
        return self.runners[-1]

    def module(self, run: str, dockerfile: str = DOCKERFILE, **files: str) -> ModuleVersion:
        files = {"run.sh": run, "Dockerfile": dockerfile, **files}
        self.modules.append(make_repository(self._folder / "sample", files))
        return self.modules[-1]

    @property
    def containers(self) -> list[str]:
        label = f"{LABEL}={self.settings.folder}"
        found = self.engine.containers.list(all=True, filters={"label": label})
        return [str(container.id) for container in found]

    async def clear(self) -> None:
        for runner in self.runners:
            await runner.stop()
        # Of a test that failed in the middle.
        for container in self.containers:
            self.engine.containers.get(container).remove(force=True)
        for module in self.modules:
            for image in self.engine.images.list(image_name(module)):
                self.engine.images.remove(str(image.id), force=True)
        self.engine.close()
