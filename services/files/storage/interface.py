"""What a place for blobs can do. The service knows this much and no more, so a bucket will do too.

A blob is written once under a key of ours and never changed: first staged, where nobody can read
it, then kept as a whole or not at all.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Protocol


class BlobMissing(Exception):
    """There is no blob under this key."""


class StagedBlob(Protocol):
    """A blob on its way in; size and hash are of what was written so far."""

    @property
    def key(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str:
        """Of the whole blob; only after `finish`."""
        ...

    async def write(self, data: bytes) -> None: ...

    async def finish(self) -> None:
        """Everything is written; whether it is kept is still open."""
        ...

    async def keep(self) -> None:
        """Readable under its key from now on, and whole, also after a crash."""
        ...

    async def discard(self) -> None:
        """Leaves nothing behind; does nothing after `keep`, or a second time."""
        ...


class BlobStore(Protocol):
    async def stage(self) -> StagedBlob: ...

    async def open(self, key: str, *, start: int, stop: int) -> AsyncIterator[bytes]:
        """Bytes `start` to before `stop`; BlobMissing at once when there is no such blob."""
        ...

    async def delete(self, key: str) -> None:
        """Safe to repeat."""
        ...

    async def remove_stale_uploads(self) -> int:
        """Remove what broken uploads left behind; returns how many."""
        ...

    def sizes(self) -> Iterator[tuple[str, int]]:
        """Every kept blob's key and size; blocks, for the command line."""
        ...
