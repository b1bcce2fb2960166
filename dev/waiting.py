"""Waits for a condition, never for a time: the one place where code that drives a system pauses."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

STEP_SECONDS = 0.02


def eventually(ask: Callable[[], T], what: str, *, seconds_max: float = 60) -> T:
    """The first answer that counts as true; fails in words when none comes in time."""
    deadline = time.monotonic() + seconds_max
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not after {seconds_max:.0f} s; last seen: {answer!r}")
        time.sleep(STEP_SECONDS)
    return answer
