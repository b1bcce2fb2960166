"""The Docker runner against a real engine; skipped, with the reason, where there is none."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest

from execution.checkout import Checkouts
from execution.claims import ModuleVersion
from execution.failures import JobFailed
from execution.runners.docker import LABEL, DockerRunner, image_name
from execution.settings import WorkerSettings
from execution.testing.repositories import make_repository
from execution.testing.waiting import eventually
from execution.workspace import Workspace

DOCKERFILE = """FROM python:3.11-slim
COPY . /app
WORKDIR /app
CMD ["sh", "run.sh"]
"""


IMAGE = "python:3.11-slim"


def why_not() -> str:
    """Asked of the command: the library leaves a socket open when no engine answers."""
    if shutil.which("docker") is None:
        return "no docker command here"
    asked = subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True, text=True)
    if asked.returncode == 0:
        return ""
    said = " ".join(asked.stderr.split())
    return f"no Docker engine with the image {IMAGE} here: {said}"


WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


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
        checkouts = Checkouts(self.settings.folder / "checkouts", seconds_max=60)
        self.runners.append(DockerRunner(checkouts, self.settings))
        await self.runners[-1].start()
        return self.runners[-1]

    def module(self, run: str, dockerfile: str = DOCKERFILE) -> ModuleVersion:
        files = {"run.sh": run, "Dockerfile": dockerfile}
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
        for module in self.modules:
            for image in self.engine.images.list(image_name(module)):
                self.engine.images.remove(str(image.id), force=True)
        self.engine.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.clear()


async def test_a_module_runs_in_its_own_image_without_a_network(bench: Bench) -> None:
    runner = await bench.start_runner()
    run = (
        "cat /mnt/input/a; ls /sys/class/net; echo out > /mnt/output/b; touch /mnt/input/no; exit 3"
    )
    module = bench.module(run)
    (bench.workspace.input / "a").write_text("hello\n")

    await runner.prepare(module, bench.said.extend)
    bench.said.clear()
    code = await runner.run(module, bench.workspace, bench.said.extend)

    assert code == 3
    assert b"hello\nlo\n" in bench.said
    assert b"Read-only file system" in bench.said
    assert (bench.workspace.output / "b").read_text() == "out\n"
    assert bench.containers == []


async def test_a_cancelled_job_leaves_no_container(bench: Bench) -> None:
    runner = await bench.start_runner()
    module = bench.module("echo started; exec sleep 600")
    await runner.prepare(module, bench.said.extend)
    bench.said.clear()

    running = asyncio.create_task(runner.run(module, bench.workspace, bench.said.extend))
    await eventually(lambda: b"started" in bench.said)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert bench.containers == []


async def test_a_broken_dockerfile_fails_the_job_with_its_own_words(bench: Bench) -> None:
    runner = await bench.start_runner()
    module = bench.module("true", DOCKERFILE + "RUN echo oh no && exit 7\n")

    with pytest.raises(JobFailed, match="7"):
        await runner.prepare(module, bench.said.extend)

    assert b"oh no" in bench.said


async def test_what_a_killed_worker_left_is_removed_at_the_next_start(bench: Bench) -> None:
    await bench.start_runner()
    bench.engine.containers.create(
        "python:3.11-slim", "sleep 600", labels={LABEL: str(bench.settings.folder)}
    ).start()
    assert len(bench.containers) == 1

    await bench.start_runner()

    assert bench.containers == []
