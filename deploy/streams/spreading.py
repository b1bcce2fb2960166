"""A stream onto more servers, or fewer, of the cluster that has it; it serves meanwhile."""

import asyncio
import time

from deploy.streams.api import NAMES, Answer, Streams, streams_at
from shared.commands import refuse

CURRENT_SECONDS_MAX = 120.0
LOOK_SECONDS = 0.2


async def spread(url: str, copies: int) -> None:
    async with streams_at(url) as streams:
        for name in NAMES:
            print(f"{name}\t{await _spread(streams, name, copies)}", flush=True)


async def _spread(streams: Streams, name: str, copies: int) -> str:
    found = await streams.find(name)
    if found is None:
        return "is not there yet; a service makes it"
    before = found["config"].get("num_replicas", 1)
    if before != copies:
        await streams.ask(f"UPDATE.{name}", found["config"] | {"num_replicas": copies})
    await wait_until_kept(streams, name, copies)
    return f"kept {copies} times" + (f", was kept {before} times" if before != copies else "")


async def wait_until_kept(streams: Streams, name: str, copies: int) -> None:
    """All of its servers have all of it."""
    deadline = time.monotonic() + CURRENT_SECONDS_MAX
    while not _is_kept(await streams.find(name), copies):
        if time.monotonic() > deadline:
            refuse(f"{name} is not yet on {copies} servers; ask again, or see what NATS' log says.")
        await asyncio.sleep(LOOK_SECONDS)


def _is_kept(found: Answer | None, copies: int) -> bool:
    cluster = (found or {}).get("cluster") or {}
    others = cluster.get("replicas") or []
    current = [one for one in others if one.get("current") and not one.get("offline")]
    return len(others) == len(current) == copies - 1 and (copies == 1 or bool(cluster["leader"]))
