"""Blobs as a tar, for backups: out of any place and into any other, one blob after the other.

Blobs never change, so what was written once need not be written again.
"""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import PurePosixPath
from typing import IO, BinaryIO

from services.files.storage.interface import BlobMissing, BlobStore

CHUNK_BYTES = 1024 * 1024


class _Pulled(io.RawIOBase):
    """An iterator of the event loop, read from another thread."""

    def __init__(self, chunks: AsyncIterator[bytes]):
        self._chunks = chunks
        self._loop = asyncio.get_running_loop()
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._left) < size:
            chunk = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            if not chunk:
                break
            self._left += chunk
        stop = len(self._left) if size < 0 else size
        data, self._left = self._left[:stop], self._left[stop:]
        return data

    async def _next(self) -> bytes:
        return await anext(self._chunks, b"")


async def write(store: BlobStore, out: BinaryIO, *, without: Collection[str]) -> int:
    """Every blob but these; returns how many. One that is deleted meanwhile was not asked for."""
    written = 0
    with tarfile.open(fileobj=out, mode="w|") as tar:
        async for key, size in store.sizes():
            if key in without:
                continue
            try:
                chunks = await store.open(key, start=0, stop=size)
            except BlobMissing:
                continue
            member = tarfile.TarInfo(key)
            member.size = size
            await asyncio.to_thread(tar.addfile, member, _Pulled(chunks))
            written += 1
    return written


async def read(store: BlobStore, source: BinaryIO, expected: Mapping[str, str]) -> list[str]:
    """Keep each blob that is what it should be; returns the keys of those that are not."""
    present = {key async for key, _ in store.sizes()}
    damaged = []
    with tarfile.open(fileobj=source, mode="r|") as tar:
        while (member := await asyncio.to_thread(tar.next)) is not None:
            content = tar.extractfile(member)
            # Whoever packs a folder may begin names with `./`.
            key = PurePosixPath(member.name).name
            if content is None or key in present:
                continue
            if not await _keep(store, key, content, expected.get(key)):
                damaged.append(key)
    return damaged


async def _keep(store: BlobStore, key: str, content: IO[bytes], sha256: str | None) -> bool:
    """Says whether it was kept; without a digest to hold it against, anything is."""
    blob = await store.stage(key)
    try:
        while chunk := await asyncio.to_thread(content.read, CHUNK_BYTES):
            await blob.write(chunk)
        await blob.finish()
        is_sound = sha256 in (None, blob.sha256)
        if is_sound:
            await blob.keep()
        return is_sound
    finally:
        await blob.discard()
