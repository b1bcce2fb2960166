"""Folders that were made once per module version and are kept for its next job, up to a number.

When there are too many, those go that were not used for the longest time; one in use never does.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from execution.claims import ModuleVersion
from execution.workspace import remove_tree

# Names that no module version has: what is being made, and what is being removed.
PASSING = ("making-*", "removing-*")


class Shelf:
    def __init__(self, folder: Path, kept_max: int) -> None:
        self.folder = folder
        self._kept_max = kept_max
        self._users: Counter[Path] = Counter()

    def path(self, module: ModuleVersion) -> Path:
        return self.folder / module.key

    def clear_leftovers(self) -> None:
        """What a killed worker had begun to make, or to remove."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for pattern in PASSING:
            for begun in self.folder.glob(pattern):
                remove_tree(begun)

    @contextmanager
    def using(self, module: ModuleVersion) -> Iterator[Path]:
        """What is used stays, and counts as new."""
        path = self.path(module)
        self._users[path] += 1
        try:
            yield path
        finally:
            self._users[path] -= 1
            touch(path)

    async def make_room(self) -> None:
        kept = [path for path in self.folder.iterdir() if not any(map(path.match, PASSING))]
        kept.sort(key=lambda path: path.stat().st_mtime)
        for path in kept[: max(0, len(kept) - self._kept_max)]:
            if not self._users[path]:
                going = Path(mkdtemp(prefix="removing-", dir=self.folder))
                path.rename(going)
                await asyncio.to_thread(remove_tree, going)


def touch(path: Path) -> None:
    if path.exists():
        os.utime(path)
