"""What is done to a system while it works, at random but repeatably, and what that cost.

The seed says which fault follows which, on what and for how long; when exactly, the machine says.
Invariant: when `Chaos.stop` returns, everything runs, flows and answers again.
"""

import asyncio
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from chaos.system import Victim, WiredStack
from chaos.timing import rest
from chaos.wires import Network

KILL, PAUSE, SILENCE, TEAR, LOCK = "killed", "frozen", "cut off", "torn off", "locked"
KINDS = (KILL, PAUSE, SILENCE, TEAR, LOCK)
HELD_SECONDS = (0.1, 3.0)
# Longer than a lease: what was frozen comes back to a world that has given it up.
HELD_LONG_SECONDS = (4.5, 8.0)
LONG_SHARE = 0.1
PAUSE_SECONDS = (0.5, 3.0)
LOCK_SECONDS = (0.5, 2.0)
LOOK_SECONDS = 0.2
RETURN_SECONDS_MAX = 120.0


@dataclass(frozen=True)
class Fault:
    kind: str
    target: str
    seconds: float


@dataclass
class Damage:
    """What was done, and how long each part was away because of it."""

    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)
    longest_outage: tuple[float, str] = (0.0, "nothing")

    def note_outage(self, seconds: float, target: str) -> None:
        self.longest_outage = max(self.longest_outage, (seconds, target))


def plan(chance: random.Random, targets: Sequence[str], files: Sequence[str]) -> Fault:
    """The next fault; a database in a file can be locked, and nothing else can."""
    kind = chance.choice(KINDS if files else KINDS[:-1])
    target = chance.choice(files if kind == LOCK else targets)
    is_long = kind != LOCK and chance.random() < LONG_SHARE
    held = LOCK_SECONDS if kind == LOCK else HELD_LONG_SECONDS if is_long else HELD_SECONDS
    return Fault(kind, target, chance.uniform(*held))


class Chaos:
    """Several hands at once, each with a sequence of faults of its own."""

    def __init__(self, stack: WiredStack, network: Network, seed: int, hands: int) -> None:
        self.damage = Damage()
        self._network = network
        self._victims: dict[str, Victim] = {victim.name: victim for victim in stack.victims}
        self._files = stack.database_files
        self._seed = seed
        self._hands = hands
        self._busy: set[str] = set()
        self._down: set[str] = set()
        self._is_over = False
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        hands = [self._hand(random.Random(f"{self._seed}/{n}")) for n in range(self._hands)]
        self._tasks = [asyncio.create_task(each) for each in (*hands, self._restart_the_dead())]

    async def stop(self) -> None:
        """Let each hand finish what it has begun; then all is up."""
        self._is_over = True
        *hands, keeper = self._tasks
        await asyncio.gather(*hands)
        for victim in self._victims.values():
            await self._until_up(victim)
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper

    async def _hand(self, chance: random.Random) -> None:
        while not self._is_over:
            fault = plan(chance, sorted(self._victims), sorted(self._files))
            pause = chance.uniform(*PAUSE_SECONDS)
            if fault.target not in self._busy:
                self._busy.add(fault.target)
                # On a slow machine all takes longer to come back; the work gets as much longer.
                pause = max(pause, await self._inflict(fault))
                self._busy.discard(fault.target)
            await rest(pause)

    async def _inflict(self, fault: Fault) -> float:
        """For how many seconds the target was away."""
        began = time.monotonic()
        victim = self._victims[fault.target]
        match fault.kind:
            case "killed":
                self._down.add(victim.name)
                victim.kill()
                await rest(fault.seconds)
                victim.start()
                self._down.discard(victim.name)
            case "frozen":
                victim.pause()
                await rest(fault.seconds)
                victim.resume()
            case "cut off" | "torn off":
                act = self._network.tear if fault.kind == TEAR else self._network.silence
                act(fault.target)
                await rest(fault.seconds)
                self._network.mend(fault.target)
            case "locked":
                await asyncio.to_thread(_lock, self._files[fault.target], fault.seconds)
        self.damage.faults[fault.kind, fault.target] += 1
        await self._until_up(victim)
        outage = time.monotonic() - began
        self.damage.note_outage(outage, fault.target)
        return outage

    async def _until_up(self, victim: Victim) -> None:
        async with asyncio.timeout(RETURN_SECONDS_MAX):
            while not await asyncio.to_thread(victim.is_up):
                await rest(LOOK_SECONDS)

    async def _restart_the_dead(self) -> None:
        """What ended by itself, say because its database was away, is begun again."""
        while True:
            for victim in self._victims.values():
                if victim.has_ended and victim.name not in self._down:
                    victim.start()
                    self.damage.restarts[victim.name] += 1
            await rest(LOOK_SECONDS)


def _lock(file: Path, seconds: float) -> None:
    """Another process writes for a while."""
    with closing(sqlite3.connect(file, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        Event().wait(seconds)
        connection.execute("ROLLBACK")
