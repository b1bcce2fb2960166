"""What a place for blobs can do. The service knows this much and no more, so a bucket will do too.

A blob is written once under a key of ours and never changed: first staged, where nobody can read
it, then kept as a whole or not at all. A store is open between `async with`.
"""

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Protocol, Self

# An upload of which nothing was heard for so long is a broken one.
STALE_SECONDS = 24 * 3600.0


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
    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def check(self) -> None:
        """An OSError or StorageAway when nothing could be stored now."""
        ...

    async def stage(self, key: str | None = None) -> StagedBlob:
        """Under a new key; only what comes back from a backup has one already."""
        ...

    async def open(self, key: str, *, start: int, stop: int) -> AsyncIterator[bytes]:
        """Bytes `start` to before `stop`; BlobMissing at once when there is no such blob."""
        ...

    async def delete(self, key: str) -> None:
        """Safe to repeat."""
        ...

    async def remove_stale_uploads(self) -> int:
        """Remove what broken uploads left behind; returns how many."""
        ...

    def sizes(self) -> AsyncIterator[tuple[str, int]]:
        """Every kept blob's key and size."""
        ...
