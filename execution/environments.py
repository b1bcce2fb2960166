"""One virtual environment per module and commit, from its requirements.txt, made once and kept.

An environment counts only once its marker is written, as the last step of making it; it cannot be
made elsewhere and moved, because its scripts hold its path.
"""

import asyncio
import os
import re
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path

from execution.claims import ModuleVersion
from execution.failures import JobFailed
from execution.processes import run_to_end
from execution.runners import Emit
from execution.shelf import Shelf, touch
from execution.workspace import remove_tree

REQUIREMENTS = "requirements.txt"
MARKER = "mlsploit-complete"
PIP_RUNNER = "__pip-runner__.py"
# Where packages come from is the operator's choice; all other variables stay here.
PASSED_ON = re.compile(
    r"PATH|HOME|LANG|TMPDIR|PIP_\w+|UV_\w+|XDG_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|\w+_proxy",
    re.IGNORECASE,
)


class Environments:
    def __init__(self, folder: Path, seconds_max: float, kept_max: int) -> None:
        self._shelf = Shelf(folder, kept_max)
        self._seconds_max = seconds_max
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def path(self, module: ModuleVersion) -> Path:
        return self._shelf.path(module)

    def clear_leftovers(self) -> None:
        """What a killed worker had begun."""
        self._shelf.clear_leftovers()
        for environment in self._shelf.folder.iterdir():
            if environment.is_dir() and not (environment / MARKER).exists():
                remove_tree(environment)

    def using(self, module: ModuleVersion) -> AbstractContextManager[Path]:
        """The environment stays for as long as this lasts."""
        return self._shelf.using(module)

    async def prepare(self, module: ModuleVersion, checkout: Path, emit: Emit) -> None:
        """Two who ask at once get the same one, made once."""
        async with self._locks[module.key]:
            if not (self.path(module) / MARKER).exists():
                emit(f"mlsploit: making the environment of {module}\n".encode())
                await self._make(module, checkout, emit)
            touch(self.path(module))
        with self.using(module):
            await self._shelf.make_room()

    async def _make(self, module: ModuleVersion, checkout: Path, emit: Emit) -> None:
        environment = self.path(module)
        await asyncio.to_thread(remove_tree, environment)
        try:
            async with asyncio.timeout(self._seconds_max):
                await _run(_venv_command(environment), checkout, emit)
                if _asks_for_packages(checkout / REQUIREMENTS):
                    await _run(_install_command(environment), checkout, emit)
        except TimeoutError:
            raise JobFailed(
                f"making the environment took more than {self._seconds_max:g} s"
            ) from None
        (environment / MARKER).touch()


def _venv_command(environment: Path) -> list[str]:
    return [sys.executable, "-m", "venv", "--without-pip", str(environment)]


def _install_command(environment: Path) -> list[str]:
    """The worker's own pip, which needs no copy of itself in each environment.

    `pip --python` would do the same through a process in between, whose child outlives a worker
    that is killed.
    """
    found = find_spec("pip")
    if found is None or found.origin is None:
        raise JobFailed("the worker's own Python has no pip to install the module's requirements")
    pip = [str(environment / "bin" / "python"), str(Path(found.origin).with_name(PIP_RUNNER))]
    options = [
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
    ]
    return [*pip, "install", *options, "--requirement", REQUIREMENTS]


def _asks_for_packages(requirements: Path) -> bool:
    if not requirements.is_file():
        return False
    lines = requirements.read_text(errors="replace").splitlines()
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


async def _run(command: Sequence[str], checkout: Path, emit: Emit) -> None:
    environment = {name: value for name, value in os.environ.items() if PASSED_ON.fullmatch(name)}
    code = await run_to_end(command, folder=checkout, environment=environment, emit=emit)
    if code != 0:
        raise JobFailed(f"making the environment failed with exit code {code}")
