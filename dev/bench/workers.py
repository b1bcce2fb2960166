"""Workers of a bench's own, beside the one of the system, which serves no module there."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev import example_modules
from dev.environment import ROOT
from dev.stack import Stack
from dev.waiting import eventually

MODULE = "bench"
FUNCTION = "Nothing"
READY_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0

DEFINITION = f"""\
display_name: Bench
tagline: Does nothing
doctxt: What is left of a job when its work takes no time.
functions:
- name: {FUNCTION}
  doctxt: Hands on no file.
  options: []
  creates_new_files: false
  modifies_input_files: false
  expected_filetype: txt
"""
RUN = """echo '{"files": []}' > "$MLSPLOIT_JOB_DIR/output/output.json"\n"""


def register_module(stack: Stack, folder: Path) -> None:
    """A module that costs next to nothing: the rest is the system's own."""
    content = folder / "content"
    content.mkdir(parents=True)
    (content / "mlsploit_module.yaml").write_text(DEFINITION)
    (content / "run.sh").write_text(RUN)
    repository = folder / "repository"
    example_modules.publish(content, repository)
    subprocess.run(
        [sys.executable, "manage.py", "createmodule", MODULE, repository.as_uri(), "-b", "main"],
        cwd=ROOT,
        env=stack.environment(),
        check=True,
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def workers(stack: Stack, folder: Path, count: int) -> Iterator[None]:
    """So many workers, each with a folder of its own, warm and ready."""
    started = [_start(stack, folder / str(number)) for number in range(count)]
    try:
        for number in range(count):
            ready = folder / str(number) / "ready"
            eventually(ready.exists, "a worker is ready", seconds_max=READY_SECONDS_MAX)
        yield
    finally:
        for worker in started:
            worker.terminate()
        for worker in started:
            worker.wait(timeout=STOP_SECONDS_MAX)


def _start(stack: Stack, folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ready").unlink(missing_ok=True)
    settings = {"MLSPLOIT_WORKER_DIR": str(folder), "MLSPLOIT_MODULES": MODULE}
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "execution"],
            cwd=ROOT,
            env=stack.environment() | settings,
            stdout=log,
            stderr=log,
        )
