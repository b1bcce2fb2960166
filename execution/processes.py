"""Runs a command to its end with all that it starts, and leaves none of it behind.

Whatever ends the call - the command's exit, a cancellation, the worker's death - ends the
command's whole process group; where the kernel allows it, its whole process namespace.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

Isolation = Literal["full", "mounts", "none"]

LAUNCHER = Path(__file__).parent / "runners" / "launcher.py"
READ_BYTES = 64 * 1024
# A daemon that left the process group may hold the pipe open; its output is not waited for.
LAST_OUTPUT_SECONDS = 1.0


async def run_to_end(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    emit: Callable[[bytes], None],
    isolation: Isolation = "none",
    job_dir: Path | None = None,
) -> int:
    """The command's exit code; 128 + n when signal n ended it."""
    async with _output_pipe(emit) as pipe:
        process = await asyncio.create_subprocess_exec(
            *_launch(isolation, job_dir or folder),
            *command,
            cwd=folder,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
        try:
            code = await process.wait()
        finally:
            _kill_group(process.pid)
            await process.wait()
    return code if code >= 0 else 128 - code


def _launch(isolation: Isolation, job_dir: Path) -> list[str]:
    if sys.platform != "linux":
        return []
    interpreter = [sys.executable, "-I", "-S", str(LAUNCHER)]
    return [*interpreter, str(os.getpid()), isolation, str(job_dir)]


@asynccontextmanager
async def _output_pipe(emit: Callable[[bytes], None]) -> AsyncIterator[int]:
    """The writing end, for the command; what arrives at the other goes to `emit`.

    Not asyncio's own pipe: with that, waiting for the process means waiting for its daemons.
    """
    read_end, write_end = os.pipe()
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb", 0)
    )
    reading = asyncio.create_task(_read_all(reader, emit))
    try:
        yield write_end
    finally:
        os.close(write_end)
        await asyncio.wait({reading}, timeout=LAST_OUTPUT_SECONDS)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        transport.close()


async def _read_all(reader: asyncio.StreamReader, emit: Callable[[bytes], None]) -> None:
    while chunk := await reader.read(READ_BYTES):
        emit(chunk)


def _kill_group(leader: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
