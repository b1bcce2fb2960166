"""Blobs in a local directory: `incoming/<key>` while they arrive, then `ab/<key>` by rename.

A rename within one file system is atomic, so a kept blob is always whole. Replicas may share the
directory: nothing is known of a blob but what is in it. Of folders there are few, because a new one
costs more than the rest of a small upload; blobs from before that are in `ab/cd/<key>`.
"""

import asyncio
import errno
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import BinaryIO, Self, TypeVar
from uuid import uuid4

from services.files.storage.interface import STALE_SECONDS, BlobMissing

WRITE_BYTES = 1024 * 1024
# So little is hashed in less time than it takes to get to a thread and back.
SMALL_BYTES = 64 * 1024
READ_BYTES = 256 * 1024
SIZES_PER_STEP = 1000

Result = TypeVar("Result")


class LocalStagedBlob:
    """Collects small chunks and hashes and writes them in a thread, a megabyte at a time.

    What is small as a whole is hashed in place, and written only when it is kept.
    """

    def __init__(self, key: str, path: Path, target: Path):
        self.key = key
        self.size = 0
        self._path = path
        self._target = target
        # Opened with the first bytes that are written: each way to a thread and back costs.
        self._file: BinaryIO | None = None
        self._is_begun = False
        self._is_over = False
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        # A request that is cancelled leaves its thread behind, perhaps in the middle of a write.
        self._in_use = Lock()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    async def write(self, data: bytes) -> None:
        self.size += len(data)
        self._waiting += data
        if len(self._waiting) >= WRITE_BYTES:
            await self._flush()

    async def finish(self) -> None:
        if self._is_begun or self.size > SMALL_BYTES:
            await self._flush()
        else:
            self._digest.update(self._waiting)

    async def keep(self) -> None:
        self._is_begun = True
        await asyncio.to_thread(self._keep)

    async def discard(self) -> None:
        if self._is_begun and not self._is_over:
            await asyncio.to_thread(self._discard)

    async def _flush(self) -> None:
        data, self._waiting = self._waiting, bytearray()
        self._is_begun = True
        await asyncio.to_thread(self._append, data)

    def _append(self, data: bytearray) -> None:
        with self._in_use:
            if self._is_over:
                return
            self._digest.update(data)
            self._write(data)

    def _write(self, data: bytearray) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._opened().write(rest) :]

    def _keep(self) -> None:
        with self._in_use:
            self._write(self._waiting)
            file = self._opened()
            os.fsync(file.fileno())
            file.close()
            _in(self._target.parent, lambda: self._path.rename(self._target))
            self._is_over = True

    def _discard(self) -> None:
        with self._in_use:
            self._is_over = True
            if self._file is not None:
                self._file.close()
                self._path.unlink(missing_ok=True)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._file = _in(self._path.parent, lambda: self._path.open("xb", buffering=0))
        return self._file


class LocalStore:
    def __init__(self, root: Path):
        self._root = root
        self._incoming = root / "incoming"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing stays open."""

    async def check(self) -> None:
        self._incoming.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self._incoming).free < WRITE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        staged = await self.stage()
        await staged.write(bytes(SMALL_BYTES + 1))  # What is smaller is not written yet.
        await staged.finish()
        await staged.discard()

    async def stage(self, key: str | None = None) -> LocalStagedBlob:
        key = key or uuid4().hex
        return LocalStagedBlob(key, self._incoming / key, self._paths(key)[0])

    async def open(self, key: str, *, start: int, stop: int) -> AsyncIterator[bytes]:
        for path in self._paths(key):
            with suppress(FileNotFoundError):
                return _chunks(await asyncio.to_thread(path.open, "rb"), start, stop)
        raise BlobMissing(key)

    async def delete(self, key: str) -> None:
        await asyncio.to_thread(_unlink, self._paths(key))

    async def remove_stale_uploads(self) -> int:
        return await asyncio.to_thread(self._remove_stale_uploads)

    async def sizes(self) -> AsyncIterator[tuple[str, int]]:
        # A key is longer than the name of a folder.
        paths = chain(self._root.glob("??/???*"), self._root.glob("??/??/*"))
        while some := await asyncio.to_thread(list, islice(paths, SIZES_PER_STEP)):
            for name, size in await asyncio.to_thread(_sizes, some):
                yield name, size

    def _remove_stale_uploads(self) -> int:
        """An upload that lives touches its file with every megabyte."""
        removed = 0
        oldest = time.time() - STALE_SECONDS
        for path in self._incoming.glob("*"):
            with suppress(FileNotFoundError):  # It has just arrived, or given up.
                if path.stat().st_mtime < oldest:
                    path.unlink()
                    removed += 1
        return removed

    def _paths(self, key: str) -> tuple[Path, Path]:
        """Where it is kept, and where it was kept once."""
        folder = self._root / key[:2]
        return folder / key, folder / key[2:4] / key


def _in(folder: Path, act: Callable[[], Result]) -> Result:
    """The folder is there but for the first time."""
    try:
        return act()
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return act()


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _sizes(paths: Iterable[Path]) -> list[tuple[str, int]]:
    sizes = []
    for path in paths:
        with suppress(FileNotFoundError):  # Deleted since it was listed.
            sizes.append((path.name, path.stat().st_size))
    return sizes


async def _chunks(file: BinaryIO, start: int, stop: int) -> AsyncIterator[bytes]:
    with file:
        await asyncio.to_thread(file.seek, start)
        left = stop - start
        while left > 0:
            chunk = await asyncio.to_thread(file.read, min(READ_BYTES, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk
