"""The two ways to run a module, behind one small interface."""

from collections.abc import Callable
from typing import Protocol

from execution.claims import ModuleVersion
from execution.workspace import Workspace

# Takes a piece of a module's output, stdout and stderr alike, as it comes.
Emit = Callable[[bytes], None]


class Runner(Protocol):
    """Cancelling either call of a job stops all that it started before it returns."""

    async def start(self) -> None:
        """Refuse what is missing with one sentence, and clear what a killed worker left."""

    async def prepare(self, module: ModuleVersion, emit: Emit) -> None:
        """Make what running the module takes, once per commit; JobFailed when it cannot be."""

    async def run(self, module: ModuleVersion, workspace: Workspace, emit: Emit) -> int:
        """Run a prepared module on a workspace; the module's exit code."""

    async def stop(self) -> None:
        """Let go of what `start` took; no job is running."""
