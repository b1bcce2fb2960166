"""`make bench-load`: 200 clients at once; what goes through, how long it takes, what is shed.

First the peak: as many requests as they can send. Then 70 % of that, sent by the clock whether or
not the one before was slow. Then far more clients than there are places: the rest must be told to
come again (503), and be let in as soon as the others have left.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle

from dev.bench.accounts import Accounts
from dev.bench.calibration import calibrate
from dev.bench.kinds import KINDS
from dev.bench.scene import Scene, furnish
from dev.bench.system import POSTGRES, SQLITE, system
from dev.bench.wire import Connection
from dev.faults import told_in_one_sentence
from shared.testing.postgres import NoPostgres

CLIENTS = 200
# Far more than there are places; fewer than the files that a process may have open.
CROWD = 600
SHARE_OF_PEAK = 0.7
PEAK_SECONDS = 10.0
# Of a hundred requests; what people poll comes most.
MIX = {
    "GET one file": 10,
    "GET one job": 20,
    "GET one run": 15,
    "GET 600 jobs, unchanged": 20,
    "GET a page of 50 jobs": 20,
    "GET 100 pipelines": 2,
    "POST a run": 5,
    "upload of 1 kB": 8,
}
SHED = 503
WORST_SECONDS = 5


@dataclass
class Heard:
    """What came back: seconds of each request that was served, and the others by status."""

    by_kind: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    by_second: defaultdict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    refused: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def served(self, kind: str, due: float) -> None:
        now = time.monotonic()
        self.by_kind[kind].append(now - due)
        self.by_second[int(now - self.began)].append(now - due)

    @property
    def taken(self) -> list[float]:
        return [seconds for taken in self.by_kind.values() for seconds in taken]

    @property
    def per_second(self) -> float:
        return len(self.taken) / self.seconds

    def line(self, name: str) -> str:
        refused = ", ".join(f"{count} x {status}" for status, count in sorted(self.refused.items()))
        return (
            f"{name:34}{self.per_second:8.0f}/s{_times(self.taken)}  refused: {refused or 'none'}"
        )

    def kinds(self) -> str:
        """A line for each kind of request, the slowest first."""
        slowest = sorted(self.by_kind.items(), key=lambda kind: -max(kind[1]))
        return "\n".join(f"  {name:32}{len(taken):10}{_times(taken)}" for name, taken in slowest)

    def worst_seconds(self) -> str:
        """When it was slow: what happens now and then shows itself by its times."""
        slowest = sorted(self.by_second.items(), key=lambda second: -max(second[1]))
        return "\n".join(
            f"  {f'in second {second}':32}{len(taken):10}{_times(taken)}"
            for second, taken in slowest[:WORST_SECONDS]
        )


def _times(taken: list[float]) -> str:
    """Half of them, 99 of a hundred, and all of them."""
    ordered = sorted(taken) or [0.0]
    median, p99 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))
    return f"  median {median:6.1f} ms  p99 {p99:7.1f} ms  slowest {ordered[-1] * 1000:7.1f} ms"


class Mixed:
    """Endless requests of all kinds, in one order of chance for everybody."""

    def __init__(self, kinds: dict[str, Iterator[bytes]]):
        chance = random.Random(1)  # noqa: S311 - the same order each time
        names = [name for name, weight in MIX.items() for _ in range(weight)]
        chance.shuffle(names)
        self._names = cycle(names)
        self._kinds = kinds

    @classmethod
    async def of(cls, scene: Scene) -> "Mixed":
        wanted = {kind.name: kind for kind in KINDS if kind.name in MIX}
        return cls({name: await kind.requests(scene) for name, kind in wanted.items()})

    def next(self) -> tuple[str, bytes]:
        name = next(self._names)
        return name, next(self._kinds[name])


@told_in_one_sentence
def main() -> int:
    asked = _arguments()
    for database in asked.databases:
        try:
            with system(database) as (stack, accounts, _):
                asyncio.run(_measure(database, stack.url, accounts, asked.seconds))
        except NoPostgres as reason:
            print(f"Not on Postgres: {reason}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-load", description=__doc__)
    parser.add_argument("--databases", nargs="*", default=[SQLITE, POSTGRES])
    parser.add_argument("--seconds", type=float, default=60.0, help="at 70 %% of the peak")
    return parser.parse_args()


async def _measure(database: str, url: str, accounts: Accounts, seconds: float) -> None:
    mixed = await Mixed.of(await furnish(url))
    await _load(url, mixed, clients=20, seconds=2.0)
    peak = await _load(url, mixed, clients=CLIENTS, seconds=PEAK_SECONDS)
    print(f"\n{database}; calibration loop {calibrate():.2f} ms")
    print(peak.line(f"peak, {CLIENTS} clients"), flush=True)
    rate = peak.per_second * SHARE_OF_PEAK
    before, own = accounts.cpu_milliseconds(), time.process_time()
    steady = await _load(url, mixed, clients=CLIENTS, seconds=seconds, per_second=rate)
    print(steady.line(f"{SHARE_OF_PEAK:.0%} of it for {seconds:.0f} s"), flush=True)
    print(steady.kinds())
    print(steady.worst_seconds())
    used = {name: now - before[name] for name, now in accounts.cpu_milliseconds().items()}
    used["this client"] = (time.process_time() - own) * 1000
    shares = (f"{name} {spent / seconds / 10:.0f}" for name, spent in used.items())
    print(f"  % of a core: {', '.join(shares)}", flush=True)
    beyond = await _load(url, mixed, clients=CROWD, seconds=PEAK_SECONDS)
    print(beyond.line(f"beyond it, {CROWD} clients"), flush=True)
    after = await _load(url, mixed, clients=CLIENTS, seconds=3.0, per_second=rate)
    print(after.line("right afterwards, 70 % again"), flush=True)


async def _load(
    url: str, mixed: Mixed, *, clients: int, seconds: float, per_second: float | None = None
) -> Heard:
    """As much as the clients can, or so much by the clock."""
    heard = Heard(seconds=seconds)
    pause = clients / per_second if per_second else 0.0
    until = time.monotonic() + seconds
    await asyncio.gather(
        *(_client(url, mixed, heard, until, pause, number / clients) for number in range(clients))
    )
    return heard


async def _client(
    url: str, mixed: Mixed, heard: Heard, until: float, pause: float, phase: float
) -> None:
    connection = await Connection.open(url)
    due = time.monotonic() + pause * phase
    try:
        while due < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            # Waiting for its turn on a slow connection is part of what a request takes.
            began = due if pause else time.monotonic()
            kind, raw = mixed.next()
            answer = await connection.send(raw)
            if answer.status < 400:
                heard.served(kind, began)
            else:
                heard.refused[answer.status] += 1
                if answer.status == SHED:
                    await asyncio.sleep(float(answer.header("retry-after")))
            due = due + pause if pause else time.monotonic()
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
