"""Hostile jobs and peaceful ones, all through one worker, side by side."""

from dataclasses import dataclass
from pathlib import Path

from nats import connect

from execution.claims import ModuleVersion
from execution.testing.gateway import GatewayStandIn, running_gateway
from execution.testing.harness import working
from execution.testing.records import StoredJob
from shared.testing import eventually as waiting
from shared.testing.processes import nats_server

# One module for all: what it does is its input.
RUN = '. "$MLSPLOIT_JOB_DIR/input/attack.sh"\n'
PEACE = 'sleep 1; echo "{\\"files\\": []}" > "$MLSPLOIT_JOB_DIR/output/output.json"\n'
PEACEFUL_JOBS = 3
WITHIN_SECONDS = 240


@dataclass(frozen=True)
class Attack:
    """What it does, in which words its own job fails, and when it is out of time."""

    run: str
    reasons: tuple[str, ...]
    seconds: float = 60


@dataclass(frozen=True)
class Outcome:
    attacked: dict[str, StoredJob]
    peaceful: list[StoredJob]
    # What was left in the folder of jobs.
    left: list[str]


async def storm(
    folder: Path, module: ModuleVersion, attacks: dict[str, Attack], **settings: object
) -> Outcome:
    """Ends when every job has ended."""
    async with (
        running_gateway() as gateway,
        nats_server(folder / "nats") as nats,
        await connect(nats.url) as client,
        working(gateway, client, nats.url, folder / "worker", **settings) as worker,
    ):
        described = gateway.register(module)
        peaceful = [_job(gateway, described, PEACE, 60) for _ in range(PEACEFUL_JOBS)]
        attacked = {
            name: _job(gateway, described, attack.run, attack.seconds)
            for name, attack in attacks.items()
        }
        # The peaceful ones after the first attacks and before the last.
        order = list(attacked.values())
        order[2:2] = peaceful
        await worker.tell_of_modules()
        for job in order:
            await worker.announce(job)

        async def all_are_over() -> bool:
            return all(job.is_over for job in order) and not list(worker.jobs_folder.iterdir())

        await waiting.eventually(all_are_over, within=WITHIN_SECONDS)
        left = [entry.name for entry in worker.jobs_folder.iterdir()]
    return Outcome(attacked, peaceful, left)


def _job(gateway: GatewayStandIn, module: dict[str, str], run: str, seconds: float) -> StoredJob:
    script = gateway.add_file("attack.sh", f"{run}\n".encode())
    return gateway.add_job(module, "Harm", files=[script], timeout_seconds=seconds)
