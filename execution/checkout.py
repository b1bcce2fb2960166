"""Checkouts of modules at their pinned commits, made once and kept.

A checkout's folder exists only when it is whole: it is made elsewhere and moved into place.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from execution.claims import ModuleVersion
from execution.failures import JobFailed
from execution.runners import Emit
from execution.workspace import remove_tree

if TYPE_CHECKING:
    from git import Git

# No prompt, no settings of whoever runs the worker, no transport that runs commands.
GIT_ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
}
# A module's submodules must not reach into this machine's folders.
SUBMODULES_ENVIRONMENT = {**GIT_ENVIRONMENT, "GIT_ALLOW_PROTOCOL": "https:ssh"}
REASON_CHARACTERS_MAX = 2000


class Checkouts:
    def __init__(self, folder: Path, seconds_max: float) -> None:
        self._folder = folder
        self._seconds_max = seconds_max
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def path(self, module: ModuleVersion) -> Path:
        return self._folder / module.key

    def clear_leftovers(self) -> None:
        """What a killed worker had begun."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for begun in self._folder.glob("making-*"):
            remove_tree(begun)

    async def prepare(self, module: ModuleVersion, emit: Emit) -> Path:
        """The checkout's folder; two who ask at once get the same one, made once."""
        async with self._locks[module.key]:
            if not self.path(module).exists():
                emit(f"mlsploit: fetching {module}\n".encode())
                await self._make(module)
        return self.path(module)

    async def _make(self, module: ModuleVersion) -> None:
        making = Path(tempfile.mkdtemp(prefix="making-", dir=self._folder))
        try:
            async with asyncio.timeout(self._seconds_max):
                await _fetch(module, making)
            making.rename(self.path(module))
        except TimeoutError:
            raise JobFailed(f"fetching {module} took more than {self._seconds_max:g} s") from None
        finally:
            await asyncio.to_thread(remove_tree, making)


async def _fetch(module: ModuleVersion, folder: Path) -> None:
    # GitPython looks for git while it is imported; the start says in a sentence if there is none.
    from git import Git

    git = Git(folder)
    await _run(git, ["init", "--quiet"])
    try:
        await _run(git, ["fetch", "--quiet", "--depth=1", "--", module.repo_url, module.commit])
    except JobFailed:
        # Some servers give out branches only: then all of them, and the commit out of those.
        refs = "+refs/heads/*:refs/remotes/origin/*"
        await _run(git, ["fetch", "--quiet", "--", module.repo_url, refs])
    await _run(git, ["checkout", "--quiet", "--detach", module.commit])
    if (folder / ".gitmodules").is_file():
        update = [
            "submodule",
            "update",
            "--quiet",
            "--init",
            "--recursive",
            "--depth=1",
        ]
        await _run(git, update, SUBMODULES_ENVIRONMENT)


async def _run(
    git: "Git", arguments: list[str], environment: Mapping[str, str] = GIT_ENVIRONMENT
) -> None:
    """Waits in a thread; a cancellation ends git and all that it started."""
    command = ["git", *arguments]
    started = git.execute(command, as_process=True, env=environment, start_new_session=True)
    running: subprocess.Popen[bytes] | None = started.proc
    assert running is not None  # GitPython drops it only after the process was waited for.
    waiting = asyncio.create_task(asyncio.to_thread(running.communicate))
    try:
        _, said = await asyncio.shield(waiting)
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        await waiting
        raise
    if running.returncode != 0:
        reason = said.decode(errors="replace").strip()[-REASON_CHARACTERS_MAX:]
        raise JobFailed(f"git {arguments[0]} ended with {running.returncode}: {reason}")
