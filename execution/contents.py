"""Looks at what a commit holds before any of it is written to this machine, and at its links after.

A repository of a few kilobytes can stand for more files and bytes than any disk has; its tree says
how many, and is read only as far as the limits go.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from execution.failures import JobFailed


@dataclass(frozen=True, slots=True)
class ContentLimits:
    """What a checkout may hold, and how long it may take."""

    seconds_max: float
    bytes_max: int
    files_max: int


class Tally:
    """Counts the entries of `git ls-tree -r -l -z`: mode, type, object, size, tab, path, NUL."""

    def __init__(self, limits: ContentLimits) -> None:
        self._limits = limits
        self._files = self._bytes = 0
        self.is_too_much = asyncio.Event()
        # What follows the last entry; of a listing that failed, what git said.
        self.rest = b""

    def add(self, text: bytes) -> None:
        if self.is_too_much.is_set():
            return
        *entries, self.rest = (self.rest + text).split(b"\0")
        for entry in entries:
            size = entry.partition(b"\t")[0].split()[-1]
            self._files += 1
            self._bytes += int(size) if size.isdigit() else 0
        if self._files > self._limits.files_max or self._bytes > self._limits.bytes_max:
            self.is_too_much.set()

    def judge(self) -> None:
        if self._files > self._limits.files_max:
            raise JobFailed(f"the repository holds more than {self._limits.files_max} files")
        if self._bytes > self._limits.bytes_max:
            raise JobFailed(f"the repository holds more than {self._limits.bytes_max} bytes")


def refuse_links_out_of(folder: Path) -> None:
    """Whoever follows such a link reads the worker's own files, or waits for ever at a device."""
    inside = os.path.realpath(folder)
    for at, folders, names in os.walk(inside):
        for name in (*folders, *names):
            path = os.path.join(at, name)
            if os.path.islink(path) and not _is_inside(os.path.realpath(path), inside):
                shown = os.path.relpath(path, inside)
                raise JobFailed(f"the repository holds a link that leads out of it: {shown}")


def _is_inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)
