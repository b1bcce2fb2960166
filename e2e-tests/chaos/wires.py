"""The network between the processes of a system, as TCP proxies that can be cut.

Each wire goes from one process to what it calls. A wire that is silent holds every byte back, as a
lost route does, and goes on where it was; one that is torn resets its connections and takes none.
The proxies live in a thread of their own: the processes need them while the main thread waits.
"""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from dev.ports import LOOPBACK

READ_BYTES = 64 * 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Address:
    """A TCP port of this machine, or the path of a socket."""

    port: int = 0
    path: str = ""

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.path:
            return await asyncio.open_unix_connection(self.path)
        return await asyncio.open_connection(LOOPBACK, self.port)


class Wire:
    """From `source` to `target`, which may have several addresses; they take turns."""

    def __init__(self, source: str, target: str, addresses: Sequence[Address]) -> None:
        self.ends = frozenset({source, target})
        self.port = 0
        self._addresses = list(addresses)
        self._whole = asyncio.Event()
        self._whole.set()
        self._is_torn = False
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def silence(self) -> None:
        self._whole.clear()

    async def tear(self) -> None:
        self._is_torn = True
        for writer in list(self._writers):
            writer.transport.abort()

    async def mend(self) -> None:
        self._is_torn = False
        self._whole.set()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            # An address that cannot be reached, or a connection that broke, is the callers' to see.
            with suppress(OSError, asyncio.CancelledError):
                await self._whole.wait()
                await self._join(reader, writer)
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_torn:
            return
        far_reader, far_writer = await self._connect()
        self._writers.add(far_writer)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, far_writer))
                both.create_task(self._pump(far_reader, writer))
        except* OSError:
            pass  # One end has gone; so does the other.
        finally:
            self._writers.discard(far_writer)
            far_writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Each connection to the next address, or to another one that takes it."""
        self._addresses.append(self._addresses.pop(0))
        for address in self._addresses[:-1]:
            with suppress(OSError):
                return await address.connect()
        return await self._addresses[-1].connect()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(READ_BYTES):
            await self._whole.wait()
            writer.write(data)
            await writer.drain()
        writer.write_eof()


class Network:
    """All wires of a system: `with Network() as network: network.wire("runs", "nats", ...)`."""

    def __init__(self) -> None:
        self._wires: dict[tuple[str, str], Wire] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def port(self, source: str, target: str, addresses: Sequence[Address]) -> int:
        """Where the source finds the target; the same for every start of the source."""
        wire = self._wires.get((source, target))
        if wire is None:
            wire = self._wires[source, target] = self._do(_opened(source, target, addresses))
        return wire.port

    def silence(self, name: str) -> None:
        self._do(self._each(name, Wire.silence))

    def tear(self, name: str) -> None:
        self._do(self._each(name, Wire.tear))

    def mend(self, name: str) -> None:
        self._do(self._each(name, Wire.mend))

    async def _each(self, name: str, act: Any) -> None:
        for wire in self._wires.values():
            if name in wire.ends:
                await act(wire)

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for wire in self._wires.values():
            self._do(wire.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _opened(source: str, target: str, addresses: Sequence[Address]) -> Wire:
    wire = Wire(source, target, addresses)
    await wire.open()
    return wire
