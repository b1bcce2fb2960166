"""The one place that waits for a time: how long a fault lasts is the fault."""

import asyncio


async def rest(seconds: float) -> None:
    await asyncio.sleep(seconds)  # tidy: allow no-sleep - faults last, and people ask now and then
