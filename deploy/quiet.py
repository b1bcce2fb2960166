"""A server that sleeps while nothing happens.

uvicorn's own wakes ten times a second, in each of our processes: to see whether it is to stop, and
to write the date of its answers. This one is told to stop, and looks at the clock when it answers.
"""

import asyncio
import gc
from email.utils import formatdate
from time import time
from types import FrameType

import uvicorn
from uvicorn.server import ServerState

Headers = list[tuple[bytes, bytes]]


class _Dated(ServerState):
    """What uvicorn's protocols share; the headers of every answer are written once a second."""

    def __init__(self, config: uvicorn.Config) -> None:
        self._config = config
        self._headers: Headers = []
        self._written_at = 0
        super().__init__()

    @property
    def default_headers(self) -> Headers:
        if (now := int(time())) != self._written_at:
            self._written_at = now
            date = formatdate(now, usegmt=True).encode()
            self._headers = [(b"date", date), *self._config.encoded_headers]
        return self._headers

    @default_headers.setter
    def default_headers(self, _headers: Headers) -> None:
        """uvicorn's begins with none."""


class QuietServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config):
        super().__init__(config)
        self.server_state = _Dated(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_over = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        # All that was imported stays for good: looked through for garbage, which a long list sets
        # off, it would hold up everybody for a twentieth of a second.
        gc.collect()
        gc.freeze()
        if not self.should_exit:
            await self._is_over.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.look_now()

    def look_now(self) -> None:
        """It is to exit; from a signal, or from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._is_over.set)
