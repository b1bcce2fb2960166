"""Waits for a condition, never for a time."""

import asyncio
from collections.abc import Callable

SECONDS_MAX = 20.0
LOOK_SECONDS = 0.01


async def eventually(holds: Callable[[], object]) -> None:
    """Returns when the condition holds; TimeoutError when it never does."""
    async with asyncio.timeout(SECONDS_MAX):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(LOOK_SECONDS)
