"""A server that sleeps while nothing happens.

uvicorn's own looks ten times a second whether it is to stop, in each of our processes; that was a
third of what a whole system at rest cost. This one is told, and wakes once a second for the date in
its answers.
"""

import asyncio
import gc
from contextlib import suppress
from types import FrameType

import uvicorn

LOOK_AGAIN_SECONDS = 1.0


class QuietServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config):
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_over = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        # All that was imported stays for good: looked through for garbage, which a long list sets
        # off, it would hold up everybody for a twentieth of a second.
        gc.collect()
        gc.freeze()
        # At 0 a tick also writes the date.
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                    await self._is_over.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.look_now()

    def look_now(self) -> None:
        """Whether to exit; from a signal, or from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._is_over.set)
