"""Takes the figures of one kind of request: what it costs, how long it takes, how many go through.

One connection first, for cost and times; then more at once, for throughput. A fixed time each, so
that slow requests do not make a long benchmark. Costs are taken in rounds over all kinds, and the
middle round counts: a machine with neighbours is not alike from one second to the next.
"""

import asyncio
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from dev.bench.accounts import Accounts
from dev.bench.kinds import Kind
from dev.bench.scene import Scene
from dev.bench.wire import Connection

WARM_UP = 30
CROWDS = (8, 32)
CONNECTIONS = (1, *CROWDS)
REQUESTS_MIN = 30


@dataclass(frozen=True)
class Round:
    """Of one kind on one connection: milliseconds a request, and requests per second."""

    cpu: dict[str, float]
    median: float
    p99: float
    per_second: float

    @property
    def cost(self) -> float:
        """Milliseconds of processor a request, of all processes together."""
        return sum(self.cpu.values())


@dataclass(frozen=True)
class Figures:
    """Of one kind: its rounds from the cheapest to the dearest, and what goes through a crowd."""

    kind: Kind
    rounds: list[Round]
    crowds: dict[int, float]

    @property
    def middle(self) -> Round:
        return self.rounds[len(self.rounds) // 2]

    @property
    def throughput(self) -> dict[int, float]:
        """Requests per second by number of connections."""
        return {1: self.middle.per_second, **self.crowds}


async def measure(
    kinds: list[Kind], scene: Scene, accounts: Accounts, *, seconds: float, rounds: int
) -> list[Figures]:
    taken: dict[str, list[Round]] = {kind.name: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            taken[kind.name].append(await _round(kind, scene, accounts, seconds))
    return [
        Figures(
            kind,
            sorted(taken[kind.name], key=lambda each: each.cost),
            {number: await _throughput(kind, scene, number, seconds) for number in CROWDS},
        )
        for kind in kinds
    ]


async def _round(kind: Kind, scene: Scene, accounts: Accounts, seconds: float) -> Round:
    requests = await kind.requests(scene)
    url = scene.reader.url
    await _work(kind, url, islice(requests, WARM_UP), time.monotonic() + 60)
    before = accounts.cpu_milliseconds()
    taken = await _work(kind, url, requests, time.monotonic() + seconds, at_least=REQUESTS_MIN)
    after = accounts.cpu_milliseconds()
    return Round(
        {name: (after[name] - before[name]) / len(taken) for name in after},
        statistics.median(taken) * 1000,
        sorted(taken)[int(len(taken) * 0.99)] * 1000,
        len(taken) / sum(taken),
    )


async def cost(url: str, requests: Iterator[bytes], accounts: Accounts, *, seconds: float) -> float:
    """Milliseconds of processor a request, of all processes together; none may be refused."""
    until = time.monotonic() + 60
    await _work(None, url, islice(requests, WARM_UP), until)
    before = sum(accounts.cpu_milliseconds().values())
    until = time.monotonic() + seconds
    taken = await _work(None, url, requests, until, at_least=REQUESTS_MIN)
    return (sum(accounts.cpu_milliseconds().values()) - before) / len(taken)


async def _throughput(kind: Kind, scene: Scene, connections: int, seconds: float) -> float:
    requests = await kind.requests(scene)
    began = time.monotonic()
    url = scene.reader.url
    works = [_work(kind, url, requests, began + seconds) for _ in range(connections)]
    done = sum(len(taken) for taken in await asyncio.gather(*works))
    return done / (time.monotonic() - began)


async def _work(
    kind: Kind | None, url: str, requests: Iterator[bytes], until: float, *, at_least: int = 0
) -> list[float]:
    """Seconds of each request, one after the other on one connection."""
    connection = await Connection.open(url)
    taken: list[float] = []
    try:
        for raw in requests:
            began = time.perf_counter()
            answer = await connection.send(raw)
            taken.append(time.perf_counter() - began)
            if answer.status != kind.status if kind else answer.status >= 400:
                name = kind.name if kind else "refused"
                raise RuntimeError(f"{name}: {answer.status} {answer.body[:500].decode()}")
            if time.monotonic() > until and len(taken) >= at_least:
                break
    finally:
        connection.close()
    return taken
