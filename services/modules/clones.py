"""Folders for clones, of which none stays: not even one whose process was killed.

A folder gets the name by which it is known as a clone only when it is locked, and the lock goes
with its process. So a folder of that name that nobody has locked was left, and is removed.
"""

import asyncio
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fastapi import FastAPI

PREFIX = "mlsploit-module-"
# Not locked yet: a killed process may have left one that is empty.
BEGUN_PREFIX = "mlsploit-begun-"
BEGUN_SECONDS_MAX = 3600


@contextmanager
def clone_folder() -> Iterator[Path]:
    """An empty folder, until the end."""
    remove_abandoned()
    begun = Path(tempfile.mkdtemp(prefix=BEGUN_PREFIX))
    lock = os.open(begun, os.O_RDONLY | os.O_DIRECTORY)
    folder = begun.with_name(begun.name.replace(BEGUN_PREFIX, PREFIX))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begun.rename(folder)
        yield folder
    finally:
        for path in (folder, begun):
            shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


async def sweep_abandoned_clones(app: FastAPI) -> None:  # noqa: ARG001 - as all are called
    """At the start, for those of a process that was killed."""
    await asyncio.to_thread(remove_abandoned)


def remove_abandoned() -> None:
    """Of other users' folders nothing is touched."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            _remove_if_abandoned(folder)
    for begun in Path(tempfile.gettempdir()).glob(f"{BEGUN_PREFIX}*"):
        with suppress(OSError):
            if begun.stat().st_mtime < time.time() - BEGUN_SECONDS_MAX:
                begun.rmdir()


def _remove_if_abandoned(folder: Path) -> None:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_uid == os.geteuid():
            shutil.rmtree(folder)
    finally:
        os.close(lock)
