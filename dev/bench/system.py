"""`make bench`: what requests cost a whole system, as a client of its gateway causes them."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dev.bench import report
from dev.bench.accounts import Accounts, postgres_of
from dev.bench.calibration import calibrate
from dev.bench.kinds import KINDS
from dev.bench.measuring import Figures, measure
from dev.bench.scene import furnish
from dev.faults import told_in_one_sentence
from dev.stack import Stack
from shared.testing.postgres import NoPostgres, postgres_server

SERVICES = ("users", "files", "modules", "pipelines", "runs")
SQLITE, POSTGRES = "SQLite", "Postgres"
# No worker takes part: requests alone are measured here.
SETTINGS = {"MLSPLOIT_MODULES": ""}
SETTLING_SECONDS = 3.0


@dataclass(frozen=True)
class Result:
    """Of one system on one kind of database."""

    database: str
    calibration: float
    ready_seconds: float
    idle_percent: dict[str, float]
    megabytes_at_rest: dict[str, float]
    megabytes_under_load: dict[str, float]
    figures: list[Figures]


@told_in_one_sentence
def main() -> int:
    asked = _arguments()
    results = []
    for database in asked.databases:
        try:
            with system(database) as (stack, accounts, ready_seconds):
                results.append(_measure(database, stack, accounts, ready_seconds, asked))
        except NoPostgres as reason:
            print(f"Not on Postgres: {reason}")
            continue
        print(report.table(results[-1]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(report.as_json(results), indent=2) + "\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--databases", nargs="*", default=[SQLITE, POSTGRES])
    parser.add_argument("--only", default="", help="kinds of requests whose names hold this")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each measurement")
    parser.add_argument("--rounds", type=int, default=5, help="the middle one of them counts")
    parser.add_argument("--idle-seconds", type=float, default=10.0)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


@contextmanager
def system(database: str) -> Iterator[tuple[Stack, Accounts, float]]:
    """A fresh one, its processes, and how long it took; it leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="mlsploit-") as folder:
        if database == SQLITE:
            with _started(Path(folder), {}) as (stack, seconds):
                yield stack, Accounts(stack.pids), seconds
            return
        with postgres_server() as server:
            urls = {name: asyncio.run(server.empty_database(name)) for name in SERVICES}
            settings = {f"MLSPLOIT_{name.upper()}_DATABASE_URL": url for name, url in urls.items()}
            with _started(Path(folder), settings) as (stack, seconds):
                yield stack, Accounts(stack.pids, postgres_of(urls["runs"])), seconds


@contextmanager
def _started(folder: Path, settings: Mapping[str, str]) -> Iterator[tuple[Stack, float]]:
    """Started twice: the first time makes databases and modules, the second is what counts."""
    with Stack(folder / "data", SETTINGS | dict(settings)) as first:
        kept = dict(first.environment())
    kept = {name: value for name, value in kept.items() if name.endswith("_KEY")}
    began = time.monotonic()
    with Stack(folder / "data", SETTINGS | dict(settings) | kept) as stack:
        yield stack, time.monotonic() - began


def _measure(
    database: str, stack: Stack, accounts: Accounts, ready_seconds: float, asked: argparse.Namespace
) -> Result:
    time.sleep(SETTLING_SECONDS)
    at_rest = accounts.megabytes()
    idle = _idle_percent(accounts, asked.idle_seconds)
    figures = asyncio.run(_all_kinds(stack.url, accounts, asked))
    return Result(
        database, calibrate(), ready_seconds, idle, at_rest, accounts.megabytes(), figures
    )


def _idle_percent(accounts: Accounts, seconds: float) -> dict[str, float]:
    before = accounts.cpu_milliseconds()
    time.sleep(seconds)
    after = accounts.cpu_milliseconds()
    return {name: (after[name] - before[name]) / seconds / 10 for name in after}


async def _all_kinds(url: str, accounts: Accounts, asked: argparse.Namespace) -> list[Figures]:
    scene = await furnish(url)
    kinds = [kind for kind in KINDS if asked.only in kind.name]
    return await measure(kinds, scene, accounts, seconds=asked.seconds, rounds=asked.rounds)


if __name__ == "__main__":
    sys.exit(main())
