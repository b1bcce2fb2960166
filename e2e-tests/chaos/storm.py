"""One storm from beginning to end: a system, its people, what is done to it, and the verdict."""

import asyncio
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.quiet import command

from chaos.faults import Chaos, Damage
from chaos.postgres import mortal_postgres
from chaos.records import Row, Told, change, events, rows
from chaos.system import WiredStack
from chaos.timing import rest
from chaos.verdict import (
    Kept,
    faults_of_contents,
    faults_of_events,
    faults_of_jobs,
    faults_of_runs,
)
from chaos.wires import Network
from chaos.workload import Outcome, Workload
from dev import example_modules
from dev.orphans import find_blob_faults, find_orphans
from dev.waiting import eventually

TALLY = Path(__file__).parent / "tally"
SETTLED_SECONDS_MAX = 180.0
RUNS_WHILE_NATS_FORGETS = 8
LOOK_SECONDS = 0.1
# In its quick form one part is broken at a time, in a large one two are.
RUNS_OF_A_LARGE_STORM = 100
CLIENTS_MAX = 48
# What interrupted uploads and lost attempts left would be looked at hours from now.
DUE_AT_ONCE = (
    "UPDATE doomed_blobs SET due_at = '2026-01-01 00:00:00'",
    "UPDATE files SET unclaimed_until = '2026-01-01 00:00:00' WHERE unclaimed_until IS NOT NULL",
)


@dataclass(frozen=True)
class Terms:
    """How large a storm, on which database, and the seed that repeats it."""

    runs: int
    seed: int
    is_postgres: bool

    @property
    def hands(self) -> int:
        return 1 if self.runs < RUNS_OF_A_LARGE_STORM else 2

    @classmethod
    def of_environment(cls, *, is_postgres: bool, runs: int) -> "Terms":
        seed = os.environ.get("CHAOS_SEED") or random.randrange(10**6)
        return cls(int(os.environ.get("CHAOS_RUNS") or runs), int(seed), is_postgres)


@dataclass
class Survived:
    """What there is to tell."""

    terms: Terms
    damage: Damage
    outcome: Outcome
    seconds: float
    kept: Kept = field(default_factory=Kept)
    told: list[Told] = field(default_factory=list)
    executions: int = 0
    announced_again: int = 0
    faults: list[str] = field(default_factory=list)


@contextmanager
def wired_system(folder: Path, *, is_postgres: bool) -> Iterator[tuple[WiredStack, Network]]:
    with ExitStack() as parts:
        postgres = parts.enter_context(mortal_postgres()) if is_postgres else None
        network = parts.enter_context(Network())
        stack = parts.enter_context(WiredStack(folder / "data", network, postgres))
        repository = folder / "tally"
        example_modules.publish(TALLY, repository)
        where = ("tally", repository.as_uri(), "-b", example_modules.BRANCH)
        command(stack, "createmodule", *where)
        yield stack, network


def weather(folder: Path, terms: Terms) -> Survived:
    """Everything up, the storm with its work, everything up again, and a look at what is there."""
    ledger = folder / "ledger"
    ledger.touch()
    with wired_system(folder, is_postgres=terms.is_postgres) as (stack, network):
        token = command(stack, "drf_create_token", "admin").split()[2]
        work = Workload(stack.clients_url, token, ledger, terms.runs)
        work.prepare()
        began = time.monotonic()
        damage = asyncio.run(_storm(stack, network, work, terms))
        survived = Survived(terms, damage, work.outcome, time.monotonic() - began)
        survived.faults += _settle(stack)
        asyncio.run(_look(stack, survived))
        survived.faults += _forget(stack, token, ledger)
        survived.executions = len(ledger.read_text().splitlines())
        survived.announced_again = _count_logged(stack, "job_announced_again")
    return survived


async def _storm(stack: WiredStack, network: Network, work: Workload, terms: Terms) -> Damage:
    chaos = Chaos(stack, network, terms.seed, terms.hands)
    chaos.begin()
    try:
        await work.carry_out(min(terms.runs, CLIENTS_MAX))
    finally:
        await chaos.stop()
    return chaos.damage


def _settle(stack: WiredStack) -> list[str]:
    """Cascades end and blobs go, without a hand; whatever does not is named."""
    settings = stack.environment()
    left: list[str] = []

    def is_settled() -> bool:
        for statement in DUE_AT_ONCE:
            asyncio.run(change(settings, "files", statement))
        left[:] = asyncio.run(find_orphans(settings))
        left.extend(f"{row['key']} is due, and stays" for row in _due(settings))
        return not left

    try:
        eventually(is_settled, "all has settled", seconds_max=SETTLED_SECONDS_MAX)
    except TimeoutError:
        return left
    return find_blob_faults(settings)


def _due(settings: dict[str, str]) -> list[Row]:
    query = (
        "SELECT key FROM doomed_blobs "
        "UNION ALL SELECT blob_key FROM files WHERE unclaimed_until IS NOT NULL"
    )
    return asyncio.run(rows(settings, "files", query))


def _forget(stack: WiredStack, token: str, ledger: Path) -> list[str]:
    """NATS comes back empty in the middle of things; what it knew of events is gone with it."""
    work = Workload(stack.clients_url, token, ledger, RUNS_WHILE_NATS_FORGETS)
    work.prepare()
    asyncio.run(_carry_out_and_wipe(stack, work))
    settings = stack.environment()
    rows_left = asyncio.run(rows(settings, "runs", "SELECT id, status FROM runs"))
    states = {run["id"]: run["status"] for run in rows_left}
    told = Counter(event.id for event in asyncio.run(events(settings["MLSPLOIT_NATS_URL"])))
    repeated = [f"after the wipe event {one} is told {n} times" for one, n in told.items() if n > 1]
    # Runs of people who were deleted may stay: NATS alone held the word of it.
    wanted = work.outcome.runs.values()
    lost = [f"run {one} is lost" for one in wanted if states.get(one) != "FINISHED"]
    return lost + repeated


async def _carry_out_and_wipe(stack: WiredStack, work: Workload) -> None:
    nats = next(victim for victim in stack.victims if victim.name == "nats")
    working = asyncio.create_task(work.carry_out(RUNS_WHILE_NATS_FORGETS))
    while not work.outcome.runs:
        await rest(LOOK_SECONDS)
    nats.kill()
    shutil.rmtree(stack.data_dir / "nats" / "jetstream")
    nats.start()
    await working


async def _look(stack: WiredStack, survived: Survived) -> None:
    settings = stack.environment()
    survived.kept = kept = await _kept(settings)
    survived.told = await events(settings["MLSPLOIT_NATS_URL"])
    outcome = survived.outcome
    survived.faults += [f"a fault was answered: {error}" for error in outcome.experience.errors]
    survived.faults += faults_of_runs(outcome, kept)
    survived.faults += faults_of_jobs(kept)
    survived.faults += faults_of_contents(outcome, kept)
    survived.faults += faults_of_events(kept, survived.told)


async def _kept(settings: dict[str, str]) -> Kept:
    return Kept(
        runs=await rows(settings, "runs", "SELECT id, status FROM runs"),
        run_files=await rows(settings, "runs", "SELECT run_id, file_id FROM run_files"),
        jobs=await rows(settings, "runs", "SELECT id, run_id, status FROM jobs"),
        attempts=await rows(
            settings, "runs", "SELECT job_id, attempt, ended_at, reason FROM job_attempts"
        ),
        outputs=await rows(settings, "runs", "SELECT job_id, file_id FROM job_outputs"),
        files=await rows(settings, "files", "SELECT id, name, kind, sha256 FROM files"),
        held=await rows(settings, "files", "SELECT file_id FROM file_references"),
    )


def _count_logged(stack: WiredStack, word: str) -> int:
    logs = (stack.data_dir / "logs").glob("runs*.log")
    return sum(log.read_text().count(word) for log in logs)
