"""A wire between a client and a server that counts the bytes it carries, both ways."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from urllib.parse import urlsplit

READ_BYTES = 64 * 1024


@dataclass
class Wire:
    url: str = ""
    carried: int = 0

    async def carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while piece := await source.read(READ_BYTES):
            self.carried += len(piece)
            target.write(piece)
            await target.drain()
        target.close()


@asynccontextmanager
async def counting_wire(to: str) -> AsyncIterator[Wire]:
    """Its `url` leads where `to` does."""
    wire, target = Wire(), urlsplit(to)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(target.hostname, target.port)
        with closing(writer), closing(far_writer):
            await asyncio.gather(wire.carry(reader, far_writer), wire.carry(far_reader, writer))

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as server:
        wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield wire
