"""Wait for a condition, never for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

# Patience costs a passing test nothing, and the machine may be busy with much else.
SECONDS_MAX = 60.0
INTERVAL_SECONDS = 0.02


async def eventually(look: Callable[[], Awaitable[T]], *, within: float = SECONDS_MAX) -> T:
    """The first true value that `look` gives, or an AssertionError that shows the last one."""
    deadline = time.monotonic() + within
    while True:
        value = await look()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still {value!r} after {within} seconds")
        await asyncio.sleep(INTERVAL_SECONDS)  # tidy: allow no-sleep - this is the wait itself
