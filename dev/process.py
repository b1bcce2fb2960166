"""One operating-system process under the supervisor.

Invariant: a process never outlives its supervisor. It leads a process group that is killed as a
whole, and the kernel kills it should the supervisor itself be killed without warning.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dev.last_words import last_words
from dev.specs import Spec

PR_SET_PDEATHSIG = 1


class Process:
    """A process that can be started, watched, stopped and started again."""

    def __init__(
        self, spec: Spec, argv: Sequence[str], *, log: Path, cwd: Path, port: int, ready: str
    ) -> None:
        self.spec = spec
        self.argv = list(argv)
        self.log = log
        self.cwd = cwd
        self.port = port
        self.ready = ready
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def pid(self) -> int | None:
        return None if self._popen is None else self._popen.pid

    @property
    def is_alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How it ended; None before the start and while it runs."""
        return None if self._popen is None else self._popen.poll()

    def start(self, env: Mapping[str, str]) -> None:
        if threading.current_thread() is not threading.main_thread():
            # The kernel's "parent died" means the thread that forked, not the whole program.
            raise RuntimeError("start processes from the main thread, or they die with this one")
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(
                self.argv,
                cwd=self.cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # Safe here: only the main thread gets this far, and all it does is one system call.
                preexec_fn=_die_with_parent(os.getpid()),
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone; nothing happens when it is gone."""
        if self._popen is not None and self._popen.poll() is None:
            self._popen.send_signal(number)

    def kill(self) -> None:
        """End the process and everything in its group at once."""
        if self._popen is None:
            return
        # Nobody of the group may be left (macOS says so with a permission error).
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def describe_end(self) -> str:
        """Which process ended, how, and what it said last: what a person needs to act."""
        code = self.exit_code or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        said = "\n".join(f"    {line}" for line in last_words(self.log)) or "    (nothing)"
        return f"{self.name} {how}. Its log is {self.log}, which ends with:\n{said}"


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def arm() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)  # The parent died between the fork and the line above.

    return arm
