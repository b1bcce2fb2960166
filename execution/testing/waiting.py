"""Waits for a condition in what other processes do, never for a time."""

from collections.abc import Callable

from shared.testing import eventually as shared_waiting

SECONDS_MAX = 60.0


async def eventually(holds: Callable[[], object]) -> None:
    """Returns when the condition holds; an AssertionError when it never does."""

    async def look() -> bool:
        return bool(holds())

    await shared_waiting.eventually(look, within=SECONDS_MAX)
