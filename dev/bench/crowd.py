"""Very many clients of live updates at once, as cheaply as a client can be: one socket each."""

import asyncio
import resource
from dataclasses import dataclass
from urllib.parse import urlsplit

# What this process has open besides.
OTHER_FILES = 500
# So many at once: a listener's queue of connections is short.
OPENED_AT_ONCE = 50
READ_SECONDS_MAX = 60.0


@dataclass
class Member:
    """One open stream; what was read stays until it is asked for."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    said: bytes = b""

    async def hear(self, text: str) -> None:
        """Read on until this was said."""
        async with asyncio.timeout(READ_SECONDS_MAX):
            while text.encode() not in self.said:
                piece = await self.reader.read(65536)
                assert piece, f"ended before {text!r}: {self.said[-500:]!r}"
                self.said += piece

    async def leave(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


class Crowd:
    """All with the same token."""

    def __init__(self, url: str, token: str) -> None:
        self._address = urlsplit(url)
        self._token = token
        self.members: list[Member] = []

    async def gather(self, count: int) -> None:
        """Open so many streams; all of them have been greeted."""
        allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, count + OTHER_FILES), most))
        turns = asyncio.Semaphore(OPENED_AT_ONCE)

        async def join() -> Member:
            async with turns:
                return await self._join()

        self.members += await asyncio.gather(*(join() for _ in range(count)))

    async def hear(self, text: str) -> None:
        await asyncio.gather(*(member.hear(text) for member in self.members))

    async def leave(self) -> None:
        await asyncio.gather(*(member.leave() for member in self.members))

    async def _join(self) -> Member:
        host, port = self._address.hostname, self._address.port
        member = Member(*await asyncio.open_connection(host, port))
        member.writer.write(
            f"GET /api/v1/events/ HTTP/1.1\r\nHost: {self._address.netloc}\r\n"
            f"Authorization: Token {self._token}\r\n\r\n".encode()
        )
        await member.hear("event: hello")
        return member
