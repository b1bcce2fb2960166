"""The points at which a process may die: before each thing that it writes, and before it answers.

Between two points nothing is written, so to be killed anywhere else is to be killed at one of them.
"""

import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from nats.aio.msg import Msg
from sqlalchemy import Engine, event

from shared.messaging.line import Line

P = ParamSpec("P")
T = TypeVar("T")
ANSWER = "answer"
REMOVALS = {"unlink", "rmdir"}
OF_FILES = ("fsync", "rename", *sorted(REMOVALS))


@dataclass
class Points:
    """Kills this process as a power cut would, at the n-th point after `arm`."""

    said: Path
    left: int = 0
    _names: list[str] = field(default_factory=list)

    def arm(self, number: int) -> None:
        self.left = number

    def reach(self, name: str) -> None:
        last = self._names[-1] if self._names else ANSWER
        # Between two answers without a write, and within the removal of a folder, it is all the
        # same when.
        if self.left == 0 or (name == last == ANSWER) or {name, last} <= REMOVALS:
            return
        self.left -= 1
        self._names.append(name)
        if self.left == 0:
            self.said.write_text(" ".join(self._names))
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """From here on, every write of this process."""
        event.listen(Engine, "commit", lambda _connection: self.reach("commit"))
        for name in OF_FILES:
            setattr(os, name, self._before(name, getattr(os, name)))
        self._watch_method(Line, "send")
        self._watch_method(Msg, "ack")

    def _before(self, name: str, real: Callable[P, T]) -> Callable[P, T]:
        def counted(*args: P.args, **kwargs: P.kwargs) -> T:
            self.reach(name)
            return real(*args, **kwargs)

        return counted

    def _watch_method(self, owner: type, name: str) -> None:
        real: Callable[..., Awaitable[Any]] = getattr(owner, name)

        async def counted(*args: Any, **kwargs: Any) -> Any:
            self.reach(name)
            return await real(*args, **kwargs)

        setattr(owner, name, counted)
