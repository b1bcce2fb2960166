"""The lives of the house: the one that ends in the middle of a deed, and the one after it.

Each is a process of its own, forked from one that has loaded everything.
"""

import asyncio
import json
import sys
import time
import traceback
from collections.abc import Coroutine
from pathlib import Path

from crashes.house import House, living
from crashes.operations import OPERATIONS
from crashes.points import Points
from crashes.scene import Client, Scene, make_scene, publish
from dev.orphans import find_orphans
from shared.testing.eventually import eventually

ANSWERED = "answered"
POINTS = "points"
VERDICT = "verdict.json"
LOG = "log"


def begin(folder: Path, nats_url: str) -> None:
    """The life before: it leaves what all others begin with."""
    repository = publish(folder / "repository")

    async def live() -> None:
        async with living(folder / "data", nats_url, Points(folder / POINTS)) as house:
            await make_scene(house, folder, repository)

    _run(folder, live())


def die(folder: Path, nats_url: str, name: str, number: int) -> None:
    """Do it, and be killed at the n-th point; or come to an end, if there are not so many."""
    points = Points(folder / POINTS)

    async def live() -> None:
        async with living(folder / "data", nats_url, points) as house:
            points.watch()
            points.arm(number)
            await OPERATIONS[name].does(Client(house, Scene.read(folder)))
            (folder / ANSWERED).touch()
            await eventually(house.is_at_rest)
            points.arm(0)

    _run(folder, live())


def judge(folder: Path, nats_url: str, name: str) -> None:
    """Live on: what was answered is there, and whoever was not answered asks again."""

    async def live() -> None:
        began = time.monotonic()
        async with living(folder / "data", nats_url, Points(folder / POINTS)) as house:
            faults = await _faults(house, folder, name)
            verdict = {"faults": faults, "seconds": time.monotonic() - began}
            (folder / VERDICT).write_text(json.dumps(verdict))

    _run(folder, live())


async def _faults(house: House, folder: Path, name: str) -> list[str]:
    operation, client = OPERATIONS[name], Client(house, Scene.read(folder))
    faults = []
    try:
        times = await operation.times(client)
        if (folder / ANSWERED).exists() and times != 1:
            faults.append(f"it was answered, and has been done {times} times")
        await operation.does(client)
        if (times := await operation.times(client)) != 1:
            faults.append(f"asked again, it has been done {times} times")
    except AssertionError as error:
        faults.append(str(error) or traceback.format_exc())
    return faults + await _left_behind(house, folder)


async def _left_behind(house: House, folder: Path) -> list[str]:
    """What still is when everything has had its time."""
    left: list[str] = []

    async def is_tidy() -> bool:
        left[:] = [] if await house.is_at_rest() else ["something is still to be told"]
        left.extend(await find_orphans({"MLSPLOIT_DATA_DIR": str(folder / "data")}))
        left.extend(await house.blob_faults())
        return not left

    try:
        await eventually(is_tidy, within=20)
    except AssertionError:
        return left
    return []


def _run(folder: Path, life: Coroutine[None, None, None]) -> None:
    with (folder / LOG).open("a") as log:
        sys.stderr = log
        try:
            asyncio.run(life)
        except Exception:
            traceback.print_exc()
            raise
