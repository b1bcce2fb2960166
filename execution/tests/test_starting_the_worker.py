"""`python -m execution` as the operator and the supervisor see it."""

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from nats import connect

from execution.testing.docker_bench import Bench
from execution.testing.engine import WHY_NOT
from execution.testing.gateway import TOKEN, GatewayStandIn
from execution.testing.harness import Harness
from execution.testing.waiting import eventually
from shared.testing.processes import NatsServer

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts workers in one folder; none outlives the test."""
    workers: list[Process] = []

    async def start(*arguments: str, **settings: str) -> Process:
        environment = {**os.environ, "MLSPLOIT_WORKER_DIR": str(tmp_path)}
        for name, value in settings.items():
            environment[f"MLSPLOIT_{name.upper()}"] = value
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "execution", *arguments),
            env=environment,
            stderr=asyncio.subprocess.PIPE,
        )
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        with suppress(ProcessLookupError):
            worker.kill()
        await worker.communicate()


async def what_it_says(worker: Process) -> str:
    _, said = await worker.communicate()
    return said.decode()


async def test_it_says_when_it_is_ready_and_ends_at_once_when_told(
    start: Start, gateway: GatewayStandIn, nats: NatsServer, tmp_path: Path
) -> None:
    leftover = tmp_path / "jobs" / "7-1" / "output"
    leftover.mkdir(parents=True)
    ready = tmp_path / "ready"

    worker = await start(gateway_url=gateway.url, nats_url=nats.url, worker_token=TOKEN)
    await eventually(ready.exists)
    assert not leftover.exists()
    worker.send_signal(signal.SIGTERM)

    said = await what_it_says(worker)
    assert worker.returncode == 0, said
    assert "trusted modules on a developer's machine" in said
    assert TOKEN not in said
    assert not ready.exists()


async def test_it_waits_for_a_gateway_and_a_nats_that_are_not_there_yet(start: Start) -> None:
    worker = await start(
        gateway_url="http://127.0.0.1:9",
        nats_url="nats://127.0.0.1:9",
        worker_token=TOKEN,
    )
    assert worker.stderr is not None
    async for line in worker.stderr:
        if b"broker_" in line:
            break
    worker.send_signal(signal.SIGTERM)

    assert await worker.wait() == 0


async def test_a_missing_token_is_one_sentence(start: Start) -> None:
    worker = await start()

    said = await what_it_says(worker)
    assert worker.returncode == 1
    assert said == "MLSPLOIT_WORKER_TOKEN: Field required\n"


async def test_the_command_line_says_how_many_jobs_run_at_once(
    start: Start, gateway: GatewayStandIn, nats: NatsServer
) -> None:
    addresses = {"gateway_url": gateway.url, "nats_url": nats.url, "worker_token": TOKEN}

    await start("--jobs", "3", worker_jobs="5", worker_name="w", **addresses)
    await eventually(lambda: gateway.backends)

    assert gateway.backends["w"]["jobs"] == 3
    refused = await start("--jobs", "0", **addresses)
    assert await what_it_says(refused) == ("MLSPLOIT_WORKER_JOBS: Input should be greater than 0\n")


async def test_a_second_worker_in_one_folder_is_refused(
    start: Start, gateway: GatewayStandIn, nats: NatsServer, tmp_path: Path
) -> None:
    addresses = {"gateway_url": gateway.url, "nats_url": nats.url, "worker_token": TOKEN}
    await start(**addresses)
    await eventually((tmp_path / "ready").exists)

    second = await start(**addresses)

    said = await what_it_says(second)
    assert second.returncode == 1
    assert "another worker is running in" in said
    assert (tmp_path / "ready").exists()


async def test_workers_that_share_a_folder_have_a_place_and_a_name_each(
    start: Start, gateway: GatewayStandIn, nats: NatsServer, tmp_path: Path
) -> None:
    settings = {"gateway_url": gateway.url, "nats_url": nats.url, "worker_token": TOKEN}
    settings |= {"worker_dir_shared": "true", "worker_name": "w"}
    first = await start(**settings)
    await eventually((tmp_path / "ready").exists)
    await start(**settings)
    await eventually((tmp_path / "worker-2" / "ready").exists)
    await eventually(lambda: set(gateway.backends) == {"w", "w-2"})

    first.kill()
    await first.wait()
    (tmp_path / "ready").unlink()
    await start(**settings)
    await eventually((tmp_path / "ready").exists)

    assert {path.parent.name for path in tmp_path.glob("*/lock")} == {"worker-2"}
    assert (tmp_path / "lock").read_text() == socket.gethostname()


@pytest.mark.attack
@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
async def test_the_container_of_a_killed_worker_is_removed_by_the_next_one(
    start: Start, gateway: GatewayStandIn, nats: NatsServer, bench: Bench, tmp_path: Path
) -> None:
    addresses = {"gateway_url": gateway.url, "nats_url": nats.url, "worker_token": TOKEN}
    ready = tmp_path / "ready"
    bench.settings = bench.settings.model_copy(update={"dir": tmp_path})
    module = bench.module("echo up; exec sleep 600")
    job = gateway.add_job(gateway.register(module), "Wait")
    worker = await start(worker_runner="docker", **addresses)
    await eventually(ready.exists)
    async with await connect(nats.url) as client:
        await Harness(gateway, client, bench.settings).announce(job)
        await eventually(lambda: "up" in job.logs)

    worker.kill()
    await worker.wait()
    assert len(bench.containers) == 1
    ready.unlink()
    await start(worker_runner="docker", **addresses)
    await eventually(ready.exists)

    assert bench.containers == []
    assert not (tmp_path / "jobs").exists()
