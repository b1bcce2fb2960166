"""`make bench-dispatch`: from POST /runs/ to the claim of its job, and jobs per second by workers.

A claim's moment is the one that the system notes in the job (`started`), on the same clock as the
POST: asking again and again would slow down what is measured. Jobs per second are those of jobs
that do nothing and wait already when the workers come, from the first claim to the last report.
"""

import argparse
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dev.bench.workers import FUNCTION, MODULE, register_module, workers
from dev.faults import told_in_one_sentence
from dev.stack import Stack
from dev.waiting import eventually
from examples.demo.gateway import Gateway, Item

ROUNDS = 200
JOBS_PER_WORKER = 60
WORKERS = (1, 2, 4)
WARM_UP_ROUNDS = 5
DONE_SECONDS_MAX = 300.0
PERCENT = 100


@dataclass(frozen=True)
class Dispatch:
    """Milliseconds from the moment of the POST."""

    answered: float
    claimed: float


@told_in_one_sentence
def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-dispatch")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="mlsploit-bench-") as name:
        folder = Path(name)
        with Stack(folder / "data", {"MLSPLOIT_MODULES": ""}) as stack:
            register_module(stack, folder / "module")
            with Gateway(stack.url) as gateway:
                pipeline, file = _prepare(gateway, folder)
                with workers(stack, folder, 1):
                    _dispatch(gateway, pipeline, file, WARM_UP_ROUNDS)
                    _print_dispatches(_dispatch(gateway, pipeline, file, rounds))
                print(f"\nworkers  jobs/s  ({JOBS_PER_WORKER} jobs for each, that do nothing)")
                for count in WORKERS:
                    wanted = range(JOBS_PER_WORKER * count)
                    runs = [gateway.start_run(pipeline, []) for _ in wanted]
                    with workers(stack, folder, count):
                        print(f"{count:7}{_jobs_per_second(gateway, runs):8.1f}", flush=True)
    return 0


def _prepare(gateway: Gateway, folder: Path) -> tuple[Item, Item]:
    gateway.register(f"bench-{secrets.token_hex(6)}", secrets.token_urlsafe(16))
    name = folder / "ada.txt"
    name.write_text("Ada")
    file = gateway.upload(name)
    pipeline = gateway.create_pipeline("bench")
    gateway.add_task(pipeline, gateway.functions(MODULE)[FUNCTION], {})
    return gateway.enable(pipeline), file


def _dispatch(gateway: Gateway, pipeline: Item, file: Item, rounds: int) -> list[Dispatch]:
    return [_one_dispatch(gateway, pipeline, file) for _ in range(rounds)]


def _one_dispatch(gateway: Gateway, pipeline: Item, file: Item) -> Dispatch:
    began, clock = datetime.now(UTC), time.perf_counter()
    run = gateway.start_run(pipeline, [file])
    answered = time.perf_counter() - clock
    job = _when_over(gateway, run)
    claimed = datetime.fromisoformat(job["started"]) - began
    return Dispatch(answered * 1000, claimed.total_seconds() * 1000)


def _when_over(gateway: Gateway, run: Item) -> Item:
    """The next round must find the worker idle."""

    def job_when_over() -> Item:
        [job] = gateway.jobs(run)
        return job if job["status"] in ("FINISHED", "FAILED") else {}

    job = eventually(job_when_over, "the job is over", seconds_max=DONE_SECONDS_MAX)
    assert job["status"] == "FINISHED", job["logs"]
    return job


def _jobs_per_second(gateway: Gateway, runs: Sequence[Item]) -> float:
    jobs = [_when_over(gateway, run) for run in runs]
    first = min(datetime.fromisoformat(job["started"]) for job in jobs)
    last = max(datetime.fromisoformat(job["finished"]) for job in jobs)
    return len(jobs) / (last - first).total_seconds()


def _print_dispatches(dispatches: Sequence[Dispatch]) -> None:
    print(f"\nms from POST /api/v1/runs/, {len(dispatches)} rounds, one idle worker")
    print("           median    p90    p99  slowest")
    for what in ("answered", "claimed"):
        taken = sorted(getattr(each, what) for each in dispatches)
        shares = statistics.quantiles(taken, n=PERCENT, method="inclusive")
        figures = (statistics.median(taken), shares[89], shares[98], taken[-1])
        print(f"{what:10}" + "".join(f"{figure:7.1f}" for figure in figures), flush=True)


if __name__ == "__main__":
    sys.exit(main())
