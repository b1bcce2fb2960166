"""What a list of very many rows takes, and what becomes of other requests meanwhile."""

import asyncio
import time
from urllib.parse import urlsplit

from dev.bench.logs import MEBIBYTE, Memory
from dev.bench.scene import Person
from dev.bench.wire import END_OF_HEAD, Connection

# Nobody else's request is far away from the next.
PAUSE_SECONDS = 0.02


async def whole_list(reader: Person, path: str, pid: int) -> str:
    """Read to its end; a line that tells size, times, memory and the slowest of other requests."""
    memory = Memory(pid)
    others = asyncio.create_task(_others(reader, path))
    began = time.monotonic()
    size, first = await _read(reader, path)
    seconds = time.monotonic() - began
    others.cancel()
    waits = sorted(await others)
    return (
        f"whole list {path}: {size / 1e6:.0f} MB, first byte after {first:.1f} s, all after "
        f"{seconds:.1f} s; memory {memory.growth():.0f} MiB above what it had; "
        f"{len(waits)} other requests meanwhile, median {waits[len(waits) // 2] * 1000:.0f} ms, "
        f"slowest {waits[-1] * 1000:.0f} ms"
    )


async def _read(reader: Person, path: str) -> tuple[int, float]:
    """Its bytes, and seconds until the first of them."""
    address = urlsplit(reader.url)
    stream, writer = await asyncio.open_connection(address.hostname, address.port)
    began = time.monotonic()
    writer.write(reader.get(path, Connection="close"))
    head = await stream.readuntil(END_OF_HEAD)
    assert b" 200 " in head.split(b"\r\n")[0], head
    first, size = time.monotonic() - began, 0
    while piece := await stream.read(MEBIBYTE):
        size += len(piece)
    writer.close()
    return size, first


async def _others(reader: Person, path: str) -> list[float]:
    """Seconds of small requests to the same service, one after the other, until cancelled."""
    connection = await Connection.open(reader.url)
    small = reader.get(f"{path}?limit=1")
    waits: list[float] = []
    try:
        while True:
            began = time.perf_counter()
            await connection.send(small)
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE_SECONDS)
    except asyncio.CancelledError:
        return waits
    finally:
        connection.close()
