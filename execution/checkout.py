"""Checkouts of modules at their pinned commits, made once and kept.

A checkout's folder exists only when it is whole: it is made elsewhere and moved into place. What
the commit holds is counted before it is written, and no link in it leads out of it.
"""

import asyncio
import tempfile
from collections import defaultdict
from contextlib import AbstractContextManager
from pathlib import Path

from execution.claims import ModuleVersion
from execution.contents import ContentLimits, Tally, refuse_links_out_of
from execution.failures import JobFailed
from execution.git import failure, git, run_git
from execution.runners import Emit
from execution.shelf import Shelf, touch
from execution.workspace import remove_tree


class Checkouts:
    def __init__(self, folder: Path, limits: ContentLimits, kept_max: int) -> None:
        self._shelf = Shelf(folder, kept_max)
        self._limits = limits
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def path(self, module: ModuleVersion) -> Path:
        return self._shelf.path(module)

    def clear_leftovers(self) -> None:
        self._shelf.clear_leftovers()

    def using(self, module: ModuleVersion) -> AbstractContextManager[Path]:
        """The checkout stays for as long as this lasts."""
        return self._shelf.using(module)

    async def prepare(self, module: ModuleVersion, emit: Emit) -> Path:
        """The checkout's folder; two who ask at once get the same one, made once."""
        async with self._locks[module.key]:
            if not self.path(module).exists():
                emit(f"mlsploit: fetching {module}\n".encode())
                await self._make(module, emit)
            touch(self.path(module))
        with self.using(module):
            await self._shelf.make_room()
        return self.path(module)

    async def _make(self, module: ModuleVersion, emit: Emit) -> None:
        making = Path(tempfile.mkdtemp(prefix="making-", dir=self._shelf.folder))
        try:
            async with asyncio.timeout(self._limits.seconds_max):
                await self._fetch(module, making)
                await self._check_out(module, making, emit)
            making.rename(self.path(module))
        except TimeoutError:
            seconds = self._limits.seconds_max
            raise JobFailed(f"fetching {module} took more than {seconds:g} s") from None
        finally:
            await asyncio.to_thread(remove_tree, making)

    async def _fetch(self, module: ModuleVersion, folder: Path) -> None:
        most = self._limits.bytes_max
        await git(folder, ["init", "--quiet", "--template="], most)
        fetch = ["fetch", "--quiet", "--no-tags"]
        try:
            await git(folder, [*fetch, "--depth=1", "--", module.repo_url, module.commit], most)
        except JobFailed:
            # Some servers give out branches only: then all of them, and the commit out of those.
            refs = "+refs/heads/*:refs/remotes/origin/*"
            await git(folder, [*fetch, "--", module.repo_url, refs], most)

    async def _check_out(self, module: ModuleVersion, folder: Path, emit: Emit) -> None:
        await self._refuse_too_much(module, folder)
        most = self._limits.bytes_max
        await git(folder, ["checkout", "--quiet", "--detach", module.commit], most)
        await asyncio.to_thread(refuse_links_out_of, folder)
        if (folder / ".gitmodules").is_file():
            emit(b"mlsploit: the repository's submodules are not fetched\n")

    async def _refuse_too_much(self, module: ModuleVersion, folder: Path) -> None:
        """Reads the listing no further than the limits go, however long it would be."""
        tally = Tally(self._limits)
        arguments = ["ls-tree", "-r", "-l", "-z", module.commit]
        most = self._limits.bytes_max
        listing = asyncio.create_task(run_git(folder, arguments, most, tally.add))
        judging = asyncio.create_task(tally.is_too_much.wait())
        try:
            await asyncio.wait({listing, judging}, return_when=asyncio.FIRST_COMPLETED)
            tally.judge()
            if (code := await listing) != 0:
                raise failure("checkout", code, tally.rest)
        finally:
            for task in (listing, judging):
                task.cancel()
            await asyncio.gather(listing, judging, return_exceptions=True)
