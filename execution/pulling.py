"""A pull consumer as a task of its own, which the worker begins and ends as modules come and go."""

import asyncio
from contextlib import suppress

from shared.messaging.pulling import Pulling


class StoppablePulling(Pulling):
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self.run())

    def stop_soon(self) -> None:
        if self.is_stopping:
            return  # Another cancellation would interrupt the handing back.
        self.is_stopping = True
        # nats-py may swallow a cancellation that meets a message; the flag then ends the loop.
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """Returns when no message can arrive any more."""
        self.stop_soon()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task
