"""SIGKILL between any two writes of any deed: what was answered is there, and all else is whole."""

import asyncio
import json
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crashes import lives
from crashes.operations import OPERATIONS
from shared.testing.processes import nats_server

SIGKILLED = -9
# What one deed comes to at most, with all that follows from it.
POINTS_MAX = 60
AT_ONCE = 2
LIFE_SECONDS_MAX = 60


@pytest.fixture(scope="session")
def forks() -> ForkServerContext:
    """New processes come from one that has loaded everything, and nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["crashes.lives"])
    with pytest.MonkeyPatch.context() as patch:
        # Python 3.11 does not tell it where modules are, and passes over what it cannot find.
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()
    return context


class Ended(NamedTuple):
    """Whether there was such a point, what was wrong afterwards, and when all was well again."""

    was_killed: bool
    faults: list[str]
    seconds: float


async def lived(forks: ForkServerContext, life: Callable[..., None], *about: Any) -> int:
    process = forks.Process(target=life, args=about, daemon=True)
    process.start()
    # Not joined in a thread: the start of another process looks at this one, too, and one of two
    # that look at once reads no exit code.
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(process.sentinel, ended.set)
    try:
        async with asyncio.timeout(LIFE_SECONDS_MAX):
            await ended.wait()
    finally:
        loop.remove_reader(process.sentinel)
        process.kill()
        process.join()
    assert process.exitcode is not None
    return process.exitcode


@pytest.fixture(scope="session")
def before(forks: ForkServerContext, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("before")

    async def make() -> None:
        async with nats_server(folder / "nats") as nats:
            code = await lived(forks, lives.begin, folder, nats.url)
            assert code == 0, (folder / lives.LOG).read_text()

    asyncio.run(make())
    return folder


async def killed_at(
    forks: ForkServerContext, before: Path, folder: Path, name: str, number: int
) -> Ended:
    shutil.copytree(before, folder)
    async with nats_server(folder / "nats") as nats:
        code = await lived(forks, lives.die, folder, nats.url, name, number)
        assert code in (0, SIGKILLED), (folder / lives.LOG).read_text()
        ended = await lived(forks, lives.judge, folder, nats.url, name)
        assert ended == 0, (folder / lives.LOG).read_text()
    verdict = json.loads((folder / lives.VERDICT).read_text())
    where = (folder / lives.POINTS).read_text() if code else "the end"
    shutil.rmtree(folder)
    faults = [f"killed at {where}: {fault}" for fault in verdict["faults"]]
    return Ended(code == SIGKILLED, faults, verdict["seconds"])


@pytest.mark.attack
@pytest.mark.parametrize("name", OPERATIONS)
async def test_nothing_acknowledged_is_lost_and_nothing_half_done_stays(
    forks: ForkServerContext,
    before: Path,
    tmp_path: Path,
    name: str,
    record_property: Callable[[str, object], None],
) -> None:
    faults, slowest = list[str](), 0.0
    for first in range(1, POINTS_MAX, AT_ONCE):
        numbers = range(first, first + AT_ONCE)
        ended = await asyncio.gather(
            *(killed_at(forks, before, tmp_path / str(n), name, n) for n in numbers)
        )
        faults += [fault for each in ended for fault in each.faults]
        slowest = max(slowest, *(each.seconds for each in ended))
        if not all(each.was_killed for each in ended):
            break
    record_property("attacks", first + AT_ONCE - 1)
    record_property("time to recover, s", round(slowest, 2))
    assert faults == []
    assert first > 1, "it writes more than once"
