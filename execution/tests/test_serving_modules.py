"""Hearing of jobs, keeping leases and stopping."""

import asyncio
import time
from itertools import pairwise
from pathlib import Path

import pytest

from execution import job as job_execution
from execution.catalogue import Catalogue
from execution.claims import ModuleVersion
from execution.failures import GatewayTrouble
from execution.gateway import Gateway
from execution.testing.gateway import GatewayStandIn
from execution.testing.records import StoredJob
from execution.testing.waiting import eventually
from execution.tests.conftest import MakeModule, Work
from shared.messaging.broker import Broker
from shared.testing.processes import NatsServer

NOTHING = """echo '{"files": [], "tags": []}' > /mnt/output/output.json"""


async def test_a_lost_lease_stops_the_module_and_reports_nothing(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    gateway.lease_seconds = 0.3
    module = gateway.register(make_module("echo started; sleep 600"))
    job = gateway.add_job(module, "Wait")

    async with work() as worker:
        await worker.announce(job)
        await eventually(lambda: job.heartbeats > 0 and "started" in job.logs)
        gateway.takes_away(job)
        await eventually(lambda: not list(worker.jobs_folder.iterdir()))

    assert job.history == ["RUNNING"]


async def test_a_worker_told_to_stop_gives_back_what_it_cannot_end(
    work: Work,
    gateway: GatewayStandIn,
    make_module: MakeModule,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Here nobody kills a worker that takes too long, however busy the machine.
    monkeypatch.setattr(job_execution, "RELEASE_SECONDS_MAX", 60)
    module = gateway.register(make_module("echo started; sleep 600"))
    job = gateway.add_job(module, "Wait")

    async with work(drain_seconds=0.1) as worker:
        await worker.announce(job)
        await eventually(lambda: "started" in job.logs)

    assert job.history == ["RUNNING", "PENDING"]
    assert job.attempt == 0
    assert not worker.is_ready
    assert list(worker.jobs_folder.iterdir()) == []


async def test_a_worker_told_to_stop_first_ends_what_it_can(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    module = gateway.register(make_module(f"echo started; sleep 0.5; {NOTHING}"))
    job = gateway.add_job(module, "Short")

    async with work(drain_seconds=30) as worker:
        await worker.announce(job)
        await eventually(lambda: "started" in job.logs)

    assert job.history == ["RUNNING", "FINISHED"]


async def test_no_more_jobs_run_at_once_than_there_is_room_for(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    most = 0
    module = gateway.register(make_module(f"sleep 0.2; {NOTHING}"))
    jobs = [gateway.add_job(module, "Short") for _ in range(5)]

    def all_are_over() -> bool:
        nonlocal most
        most = max(most, sum(job.status == "RUNNING" for job in jobs))
        return all(job.is_over for job in jobs)

    async with work(jobs=2) as worker:
        for job in jobs:
            await worker.announce(job)
        await eventually(all_are_over)

    assert most == 2
    assert [job.status for job in jobs] == ["FINISHED"] * 5


async def test_a_module_registered_later_is_served(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    async with work() as worker:
        module = gateway.register(make_module(NOTHING, name="later"))
        job = gateway.add_job(module, "Nothing")
        await worker.tell_of_modules()
        await worker.announce(job)
        await eventually(lambda: job.is_over)

    assert job.status == "FINISHED"


async def test_a_gateway_that_is_away_is_asked_ever_less_often_what_modules_there_are(
    gateway: GatewayStandIn,
) -> None:
    asked_at: list[float] = []

    class Away(Gateway):
        async def list_modules(self) -> list[ModuleVersion]:
            asked_at.append(time.monotonic())
            raise GatewayTrouble("away")

    away = Away(gateway.url, "")
    catalogue = Catalogue(away, Broker("", "worker"), lambda _: None)
    following = asyncio.create_task(catalogue.follow())
    await eventually(lambda: len(asked_at) == 4)
    following.cancel()
    await catalogue.stop()
    await away.close()

    pauses = [later - earlier for earlier, later in pairwise(asked_at)]
    assert all(pause > wanted for pause, wanted in zip(pauses, (0.2, 0.45, 0.95), strict=True))


async def test_only_the_named_modules_are_served(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    mine = gateway.register(make_module(NOTHING, name="mine"))
    other = gateway.register(make_module(NOTHING, name="other"))
    left, done = gateway.add_job(other, "Nothing"), gateway.add_job(mine, "Nothing")

    async with work(modules="mine, elsewhere") as worker:
        await worker.announce(left)
        await worker.announce(done)
        await eventually(lambda: done.is_over)
        assert await worker.messages_left() == 1

    assert left.status == "PENDING"


async def test_a_restarted_nats_is_outlived(
    work: Work,
    gateway: GatewayStandIn,
    nats: NatsServer,
    make_module: MakeModule,
) -> None:
    module = gateway.register(make_module(NOTHING))
    first, second = gateway.add_job(module, "Nothing"), gateway.add_job(module, "Nothing")

    async with work() as worker:
        await worker.announce(first)
        await eventually(lambda: first.is_over)
        await nats.kill()
        await nats.start()
        await worker.announce(second)
        await eventually(lambda: second.is_over)

    assert second.status == "FINISHED"


async def test_a_job_that_somebody_else_has_is_left_alone(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    module = gateway.register(make_module(NOTHING))
    taken = gateway.add_job(module, "Nothing", status="RUNNING")
    gone = StoredJob(99, module, "Nothing")
    last = gateway.add_job(module, "Nothing")

    async with work(jobs=1) as worker:
        for job in (taken, gone, last):
            await worker.announce(job)
        await eventually(lambda: last.is_over)
        assert await worker.messages_left() == 0

    assert taken.history == []


async def test_two_workers_share_the_jobs_of_a_module(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule, tmp_path: Path
) -> None:
    module = gateway.register(make_module(f"sleep 0.3; {NOTHING}"))
    jobs = [gateway.add_job(module, "Short") for _ in range(8)]

    async with (
        work(jobs=1, name="one") as worker,
        work(jobs=1, name="two", dir=tmp_path / "two"),
    ):
        for job in jobs:
            await worker.announce(job)
        await eventually(lambda: all(job.is_over for job in jobs))

    assert [job.history for job in jobs] == [["RUNNING", "FINISHED"]] * len(jobs)
    assert {job.worker for job in jobs} == {"one", "two"}
