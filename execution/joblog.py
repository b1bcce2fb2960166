"""A running job's log: the module's output on its way to the gateway, in order and in chunks.

Each chunk names its offset, so that one sent twice is stored once; what cannot be sent yet waits
here, up to the log's limit.
"""

import asyncio
import codecs
from collections.abc import Awaitable, Callable

FLUSH_SECONDS = 0.2
CHUNK_BYTES_MAX = 256 * 1024

Send = Callable[[int, bytes], Awaitable[None]]


class JobLog:
    def __init__(self, send: Send, offset: int, bytes_max: int) -> None:
        self._send = send
        self._offset = offset
        self._bytes_max = self._bytes_left = bytes_max
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._waiting = bytearray()
        self._ends_line = True
        self._is_full = asyncio.Event()
        self._is_closing = False

    def emit(self, output: bytes) -> None:
        """Takes a piece of output; a character cut in two waits for its other half."""
        if self._bytes_left < 0:
            return
        is_too_much = len(output) > self._bytes_left
        self._append(self._decoder.decode(output[: self._bytes_left]))
        self._bytes_left -= len(output)
        if is_too_much:
            self.say(f"the log was cut here, at {self._bytes_max} bytes; the rest was not kept")

    def say(self, sentence: str) -> None:
        """A line of the worker's own, always at the start of a line."""
        start = "" if self._ends_line else "\n"
        self._append(f"{start}mlsploit: {sentence}\n")

    async def stream(self) -> None:
        """Sends what comes, until closed and empty."""
        while not (self._is_closing and not self._waiting):
            await self._pause()
            while self._waiting:
                await self._send_chunk()

    def close(self) -> None:
        self._append(self._decoder.decode(b"", final=True))
        self._is_closing = True
        self._is_full.set()

    async def _send_chunk(self) -> None:
        size = whole_characters(self._waiting, CHUNK_BYTES_MAX)
        chunk = bytes(self._waiting[:size])
        del self._waiting[:size]
        await self._send(self._offset, chunk)
        self._offset += size

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._is_full.wait()
        except TimeoutError:
            return
        if not self._is_closing:
            self._is_full.clear()

    def _append(self, text: str) -> None:
        if not text:
            return
        # The API takes no NUL in any text, and half a character pair has no UTF-8.
        whole = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
        self._waiting += whole.encode(errors="replace")
        self._ends_line = text.endswith("\n")
        if len(self._waiting) >= CHUNK_BYTES_MAX:
            self._is_full.set()


def whole_characters(text: bytes | bytearray, size_max: int) -> int:
    """The most of it that does not end within a character."""
    size = min(size_max, len(text))
    while 0 < size < len(text) and text[size] & 0xC0 == 0x80:
        size -= 1
    return size
