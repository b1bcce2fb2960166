"""`python -m execution`: builds a worker from its settings and runs it until it is told to stop."""

import argparse
import asyncio
import os
import shutil
import signal
import sys

from execution.checkout import Checkouts
from execution.environments import Environments
from execution.gateway import Gateway
from execution.loop import Worker
from execution.place import place_for
from execution.runners import Runner
from execution.runners.process import ProcessRunner
from execution.settings import WorkerSettings
from execution.workspace import remove_tree
from shared.messaging.broker import Broker
from shared.telemetry import configure_logging
from shared.tracing import tracing


def main() -> None:
    _read_arguments()
    if shutil.which("git") is None:
        sys.exit("git is missing: the worker fetches modules with it")
    settings = WorkerSettings.load()
    configure_logging("execution", settings.log_level)
    with place_for(settings) as mine:
        asyncio.run(run(mine))


def _read_arguments() -> None:
    """What the command line says counts more than the environment, and is judged alike."""
    parser = argparse.ArgumentParser(
        prog="python -m execution", description="Carries out jobs until it is told to stop."
    )
    parser.add_argument("--jobs", metavar="N", help="at most so many at once (default: 2)")
    jobs = parser.parse_args().jobs
    if jobs is not None:
        os.environ["MLSPLOIT_WORKER_JOBS"] = jobs


async def run(settings: WorkerSettings) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    runner = build_runner(settings)
    await runner.start()
    # After the runner has ended what still wrote there, and made it removable.
    remove_tree(settings.folder / "jobs")
    gateway = Gateway(settings.gateway_url, settings.token.get_secret_value())
    broker = Broker(settings.nats_url, settings.name, replicas=settings.nats_replicas)
    with tracing("execution", settings, *gateway.clients):
        await Worker(settings, gateway, broker, runner).run(stopping)


def build_runner(settings: WorkerSettings) -> Runner:
    kept = settings.versions_kept_max
    checkouts = Checkouts(settings.folder / "checkouts", settings.checkout_limits, kept)
    if settings.runner == "docker":
        # Only here: the Docker library takes its time to import.
        from execution.runners.docker import DockerRunner

        return DockerRunner(checkouts, settings)
    environments = Environments(
        settings.folder / "environments", settings.environment_seconds_max, kept
    )
    return ProcessRunner(checkouts, environments, settings.folder)


if __name__ == "__main__":
    main()
