"""`make bench-streams`: what a thousand open streams of live updates cost, and how fast they are.

Through the gateway of a system of its own without a worker. All streams belong to one user, so
each change goes to every one of them.
"""

import asyncio
import secrets
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from dev.bench.crowd import Crowd
from dev.faults import told_in_one_sentence
from dev.stack import Stack
from examples.demo.gateway import Gateway, Item

STREAMS = 1000
ROUNDS = 10
IDLE_SECONDS = 10.0


@told_in_one_sentence
def main() -> int:
    settings = {
        "MLSPLOIT_MODULES": "",
        "MLSPLOIT_RUNS_LIVE_STREAMS_PER_USER_MAX": str(STREAMS),
    }
    with (
        tempfile.TemporaryDirectory(prefix="mlsploit-") as folder,
        Stack(Path(folder) / "data", settings) as stack,
        Gateway(stack.url) as gateway,
    ):
        asyncio.run(_measure(stack, gateway))
    return 0


async def _measure(stack: Stack, gateway: Gateway) -> None:
    crowd = Crowd(stack.url, _token(stack, gateway))
    pipeline = _pipeline(gateway)
    runs = psutil.Process(stack.pids["runs"])
    await crowd.gather(1)
    await _seconds_to_all(gateway, pipeline, crowd)
    before, began = runs.memory_info().rss, time.perf_counter()
    await crowd.gather(STREAMS - 1)
    print(f"{STREAMS} streams open after {time.perf_counter() - began:.1f} s")
    each = (runs.memory_info().rss - before) / (STREAMS - 1)
    print(f"memory of the runs process for each: {each / 1024:.0f} KiB")
    runs.cpu_percent()
    await asyncio.sleep(IDLE_SECONDS)
    print(f"its processor time while nothing happens: {runs.cpu_percent():.1f} % of one core")
    taken = [await _seconds_to_all(gateway, pipeline, crowd) for _ in range(ROUNDS)]
    print(f"a change is with all of them after {statistics.median(taken) * 1000:.0f} ms (median)")
    await crowd.leave()


async def _seconds_to_all(gateway: Gateway, pipeline: Item, crowd: Crowd) -> float:
    """From before POST /runs/ until the last stream has told of the run."""
    began = time.perf_counter()
    run = await asyncio.to_thread(gateway.start_run, pipeline, [])
    await crowd.hear(f'"url":"{run["url"]}","status":"PENDING"')
    return time.perf_counter() - began


def _token(stack: Stack, gateway: Gateway) -> str:
    name, password = f"bench-{secrets.token_hex(6)}", secrets.token_urlsafe(16)
    gateway.register(name, password)
    body = {"username": name, "password": password}
    return str(httpx.post(f"{stack.url}/auth/login/", json=body).json()["token"])


def _pipeline(gateway: Gateway) -> Item:
    pipeline = gateway.create_pipeline("bench")
    gateway.add_task(pipeline, gateway.functions("helloworld")["Greet"], {})
    return gateway.enable(pipeline)


if __name__ == "__main__":
    sys.exit(main())
