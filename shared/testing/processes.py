"""Real servers for tests: a NATS with JetStream of one's own, on a free port."""

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60.0


@dataclass
class NatsServer:
    """`kill` is a kill -9; `start` brings it back on the same port, with the same data."""

    folder: Path
    port: int = -1
    options: Sequence[str] = ()
    _process: asyncio.subprocess.Process | None = None
    _reading: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        program = shutil.which("nats-server") or str(Path(sys.executable).parent / "nats-server")
        self._process = await asyncio.create_subprocess_exec(
            program,
            *("--addr", "127.0.0.1", "--port", str(self.port), "--jetstream"),
            *("--store_dir", str(self.folder), *self.options),
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(START_SECONDS):
            await self._read_until_ready()
        self._reading = asyncio.create_task(self._read_on())

    async def _read_until_ready(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        async for raw in self._process.stderr:
            line = raw.decode()
            found = re.search(r"Listening for client connections on 127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
            if "Server is ready" in line:
                return
        raise AssertionError("nats-server ended before it was ready")

    async def _read_on(self) -> None:
        """A pipe that nobody empties would stop it in the end."""
        assert self._process is not None
        assert self._process.stderr is not None
        async for _ in self._process.stderr:
            pass

    async def kill(self) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if self._reading is not None:
            await self._reading

    def wipe(self) -> None:
        """Forget everything stored; only while it is not running."""
        shutil.rmtree(self.folder)


@asynccontextmanager
async def nats_server(folder: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()
