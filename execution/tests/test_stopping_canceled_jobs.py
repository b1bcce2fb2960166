"""A job that is taken away stops at once: what it runs, what it wrote, and the room it took."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import docker
import psutil
import pytest

from execution.runners.docker import LABEL
from execution.runners.images import image_name
from execution.testing.engine import DOCKERFILE, WHY_NOT
from execution.testing.gateway import GatewayStandIn
from execution.testing.harness import Harness
from execution.testing.records import StoredJob
from execution.testing.waiting import eventually
from execution.tests.conftest import MakeModule, Work
from shared.testing.processes import NatsServer

NOTHING = """echo '{"files": [], "tags": []}' > /mnt/output/output.json"""
STUBBORN = "trap '' TERM INT HUP; (setsid sleep 600 &) ; sleep 600 & echo started; sleep 600"

Take = Callable[[Harness, StoredJob], Awaitable[None]]


async def cancel(worker: Harness, job: StoredJob) -> None:
    worker.gateway.cancels(job)
    await worker.tell_of_job(job)


async def delete_its_run(worker: Harness, job: StoredJob) -> None:
    worker.gateway.takes_away(job)
    await worker.tell_of_deletion()


async def requeue(worker: Harness, job: StoredJob) -> None:
    worker.gateway.takes_away(job)
    job.status = "PENDING"
    await worker.tell_of_job(job)


@pytest.mark.parametrize("take_away", [cancel, delete_its_run, requeue])
async def test_a_job_taken_away_stops_at_once_with_all_that_it_started(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule, take_away: Take
) -> None:
    gateway.lease_seconds = 3600
    module = gateway.register(make_module(STUBBORN))
    job = gateway.add_job(module, "Wait")

    async with work() as worker:
        await worker.announce(job)
        await eventually(lambda: "started" in job.logs)
        assert processes_in(worker.jobs_folder)
        await take_away(worker, job)
        await eventually(lambda: not list(worker.jobs_folder.iterdir()))
        await eventually(lambda: not processes_in(worker.jobs_folder))

    assert "RUNNING" in job.history
    assert not {"FINISHED", "FAILED"} & set(job.history)
    assert job.logs == "started\n"


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
async def test_the_container_of_a_canceled_job_is_stopped_by_the_event_alone(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    gateway.lease_seconds = 3600
    made = make_module("trap '' TERM; echo started; sleep 600; sleep 600", Dockerfile=DOCKERFILE)
    job = gateway.add_job(gateway.register(made), "Wait")

    with closing(docker.from_env()) as engine:
        try:
            async with work(runner="docker") as worker:
                await worker.announce(job)
                await eventually(lambda: "started" in job.logs)
                assert containers_of(engine, worker)
                await cancel(worker, job)
                await eventually(lambda: not containers_of(engine, worker))
                await eventually(lambda: not list(worker.jobs_folder.iterdir()))
        finally:
            for image in engine.images.list(image_name(made)):
                engine.images.remove(str(image.id), force=True)

    assert job.history == ["RUNNING", "CANCELED"]


def containers_of(engine: docker.DockerClient, worker: Harness) -> list[str]:
    label = f"{LABEL}={worker.settings.folder}"
    found = engine.containers.list(all=True, filters={"label": label}, ignore_removed=True)
    return [str(container.id) for container in found]


async def test_a_canceled_job_makes_room_for_the_next(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    gateway.lease_seconds = 3600
    endless = gateway.register(make_module("echo started; sleep 600", name="endless"))
    short = gateway.register(make_module(NOTHING, name="short"))
    canceled, following = gateway.add_job(endless, "Wait"), gateway.add_job(short, "Nothing")

    async with work(jobs=1) as worker:
        await worker.announce(canceled)
        await eventually(lambda: "started" in canceled.logs)
        await worker.announce(following)
        await cancel(worker, canceled)
        await eventually(lambda: following.is_over)

    assert following.status == "FINISHED"


async def test_a_cancellation_is_heard_after_nats_was_away(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule, nats: NatsServer
) -> None:
    gateway.lease_seconds = 3600
    job = gateway.add_job(gateway.register(make_module("echo started; sleep 600")), "Wait")

    async with work() as worker:
        await worker.announce(job)
        await eventually(lambda: "started" in job.logs)
        await nats.kill()
        await nats.start()
        gateway.cancels(job)

        async def tell_until_it_is_heard() -> None:
            while list(worker.jobs_folder.iterdir()):
                await worker.tell_of_job(job)

        await asyncio.wait_for(tell_until_it_is_heard(), timeout=60)


async def test_what_is_said_wrongly_stops_nothing(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    gateway.lease_seconds = 3600
    job = gateway.add_job(gateway.register(make_module("echo started; sleep 600")), "Wait")

    async with work() as worker:
        await worker.announce(job)
        await eventually(lambda: "started" in job.logs)
        for subject in ("runs.job.status_changed", "runs.run.deleted"):
            await worker.client.publish(f"mlsploit.events.{subject}", b"no event")
        await worker.tell_of_deletion()
        await eventually(lambda: job.heartbeats > 0)
        assert list(worker.jobs_folder.iterdir())
        await cancel(worker, job)
        await eventually(lambda: not list(worker.jobs_folder.iterdir()))

    assert job.history == ["RUNNING", "CANCELED"]


def processes_in(folder: Path) -> list[int]:
    """Processes that work somewhere in the folder, or were told of it."""
    return [one.pid for one in psutil.process_iter() if _works_in(one, str(folder))]


def _works_in(process: psutil.Process, folder: str) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return folder in process.cwd() or folder in process.environ().get("MLSPLOIT_JOB_DIR", "")
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
