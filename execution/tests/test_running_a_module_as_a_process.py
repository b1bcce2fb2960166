import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from execution.checkout import Checkouts
from execution.claims import ModuleVersion
from execution.environments import Environments
from execution.failures import JobFailed
from execution.processes import Isolation
from execution.runners.process import ProcessRunner
from execution.testing.repositories import LIMITS
from execution.testing.waiting import eventually
from execution.tests.conftest import MakeModule
from execution.workspace import Workspace


class Bench:
    """A runner, a workspace, and what the module said."""

    def __init__(self, folder: Path) -> None:
        self.checkouts = Checkouts(folder / "checkouts", LIMITS, kept_max=9)
        self.environments = Environments(folder / "environments", seconds_max=120, kept_max=9)
        self.runner = ProcessRunner(self.checkouts, self.environments, folder)
        self.workspace = Workspace(folder / "jobs" / "1")
        self.workspace.make()
        self.said = bytearray()

    async def run(self, module: ModuleVersion) -> int:
        await self.runner.prepare(module, bytearray().extend)
        return await self.runner.run(module, self.workspace, self.said.extend)

    @property
    def lines(self) -> list[str]:
        return self.said.decode().splitlines()


@pytest.fixture
async def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "bench")
    await bench.runner.start()
    return bench


async def test_the_module_finds_its_files_in_mnt_and_in_the_job_folder(
    bench: Bench, make_module: MakeModule
) -> None:
    if bench.runner.isolation == "none":
        pytest.skip("this kernel allows no mount namespaces")
    (bench.workspace.input / "a").write_text("hello\n")
    run = 'cat /mnt/input/a "$MLSPLOIT_JOB_DIR/input/a"; echo out > /mnt/output/b; pwd; exit 3'

    code = await bench.run(make_module(run))

    assert code == 3
    assert bench.lines == ["hello", "hello", str(bench.workspace.module)]
    assert (bench.workspace.output / "b").read_text() == "out\n"


@pytest.mark.parametrize("isolation", ["mounts", "none"])
async def test_a_kernel_that_allows_less_still_runs_modules(
    bench: Bench, make_module: MakeModule, isolation: Isolation
) -> None:
    if isolation == "mounts" and bench.runner.isolation == "none":
        pytest.skip("this kernel allows no mount namespaces")
    bench.runner.isolation = isolation
    run = 'echo out > "$MLSPLOIT_JOB_DIR/output/b"; (sleep 600 &) ; echo done'

    assert await bench.run(make_module(run)) == 0
    assert bench.lines == ["done"]
    assert (bench.workspace.output / "b").exists()
    assert not processes_in(bench.workspace)


async def test_what_lies_in_mnt_stays_visible(bench: Bench, make_module: MakeModule) -> None:
    if bench.runner.isolation == "none":
        pytest.skip("this kernel allows no mount namespaces")
    there = {entry.name for entry in os.scandir("/mnt") if entry.is_dir()}

    await bench.run(make_module("ls /mnt"))

    assert set(bench.lines) == there | {"input", "output"}


async def test_the_module_runs_in_its_own_environment_and_knows_nothing_of_the_workers(
    bench: Bench, make_module: MakeModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLSPLOIT_WORKER_TOKEN", "secret-token")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-key")
    module = make_module("env; command -v python; python -c 'import sys; print(sys.prefix)'")

    await bench.run(module)

    environment = str(bench.environments.path(module))
    assert f"{environment}/bin/python" in bench.lines
    assert environment in bench.lines
    assert b"secret" not in bench.said


async def test_stdout_and_stderr_arrive_as_they_come(bench: Bench, make_module: MakeModule) -> None:
    module = make_module("echo one; echo two >&2; while ! test -f ../go; do sleep 0.05; done")

    running = asyncio.create_task(bench.run(module))
    await eventually(lambda: bench.lines == ["one", "two"])
    (bench.workspace.root / "go").touch()

    assert await running == 0


async def test_a_cancelled_job_leaves_no_process_not_even_a_daemon(
    bench: Bench, make_module: MakeModule
) -> None:
    if bench.runner.isolation != "full":
        pytest.skip("this kernel allows no process namespaces")
    module = make_module("setsid sleep 600 & (setsid sh -c 'sleep 600' &) ; echo up; sleep 600")

    running = asyncio.create_task(bench.run(module))
    await eventually(lambda: bench.lines == ["up"])
    await eventually(lambda: len(processes_in(bench.workspace)) >= 3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    await eventually(lambda: not processes_in(bench.workspace))


async def test_a_signal_that_ends_the_module_is_its_exit_code(
    bench: Bench, make_module: MakeModule
) -> None:
    module = make_module("python -c 'import os; os.kill(os.getpid(), 9)'; exit $?")

    assert await bench.run(module) == 128 + signal.SIGKILL


async def test_a_module_without_a_run_script_fails_with_a_sentence(
    bench: Bench, make_module: MakeModule, tmp_path: Path
) -> None:
    module = make_module("true")
    await bench.runner.prepare(module, bench.said.extend)
    (bench.checkouts.path(module) / "run.sh").unlink()

    with pytest.raises(JobFailed, match=r"run.sh is missing in sample at \w{10}"):
        await bench.runner.run(module, bench.workspace, bench.said.extend)


async def test_a_killed_worker_takes_its_module_along(
    bench: Bench, make_module: MakeModule, tmp_path: Path
) -> None:
    module = make_module("echo $$ > started; (setsid sleep 600 &) ; sleep 600")
    await bench.runner.prepare(module, bench.said.extend)
    script = textwrap.dedent(
        f"""
        import asyncio
        from execution.processes import run_to_end
        from pathlib import Path
        folder = Path({str(bench.workspace.root)!r})
        asyncio.run(run_to_end(
            ["sh", {str(bench.checkouts.path(module) / "run.sh")!r}], folder=folder,
            environment={{"PATH": "/usr/bin:/bin"}}, emit=print,
            isolation={bench.runner.isolation!r}, job_dir=folder,
        ))
        """
    )
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    try:
        await eventually(lambda: (bench.workspace.root / "started").exists())
        assert processes_in(bench.workspace)
    finally:
        worker.kill()
        await worker.wait()

    await eventually(lambda: not processes_in(bench.workspace))


def processes_in(workspace: Workspace) -> list[int]:
    """Processes whose working directory lies in this workspace."""
    found = []
    for process in psutil.process_iter(["cwd"]):
        folder = process.info["cwd"] or ""
        if folder.startswith(str(workspace.root)) and process.pid != os.getpid():
            found.append(process.pid)
    return found
