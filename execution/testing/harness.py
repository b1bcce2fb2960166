"""A worker in the test's own loop, between a real NATS and the stand-in of the gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from nats.aio.client import Client
from nats.errors import Error as NatsError

from execution.__main__ import build_runner
from execution.gateway import Gateway
from execution.loop import JOBS_SUBJECT, Worker
from execution.settings import WorkerSettings
from execution.testing.gateway import TOKEN, GatewayStandIn, StoredJob
from execution.testing.waiting import LOOK_SECONDS, eventually
from shared.events.base import Envelope
from shared.messaging.broker import Broker


class Harness:
    def __init__(self, gateway: GatewayStandIn, client: Client, settings: WorkerSettings) -> None:
        self.gateway = gateway
        self.client = client
        self.settings = settings
        self.stopping = asyncio.Event()

    @property
    def jobs_folder(self) -> Path:
        return self.settings.folder / "jobs"

    @property
    def is_ready(self) -> bool:
        return (self.settings.folder / "ready").exists()

    async def announce(self, job: StoredJob) -> None:
        envelope = Envelope(
            source="/mlsploit/runs", type="runs.job.ready.v1", data={"job_id": job.id}
        )
        subject = JOBS_SUBJECT + job.module["name"]
        await self._publish(subject, envelope.payload())

    async def tell_of_modules(self) -> None:
        subject = "mlsploit.events.modules.module.registered"
        await self._publish(subject, b"{}")

    async def _publish(self, subject: str, payload: bytes) -> None:
        """Also while NATS is coming back."""
        while True:
            try:
                await self.client.jetstream(timeout=1.0).publish(subject, payload)
            except NatsError:
                await asyncio.sleep(LOOK_SECONDS)
            else:
                return

    async def messages_left(self) -> int:
        info = await self.client.jetstream().stream_info("MLSPLOIT_JOBS")
        return info.state.messages


@asynccontextmanager
async def working(
    gateway: GatewayStandIn, client: Client, nats_url: str, folder: Path, **options: object
) -> AsyncIterator[Harness]:
    values = {"gateway_url": gateway.url, "nats_url": nats_url, "token": TOKEN, "dir": folder}
    settings = WorkerSettings.model_validate({**values, **options})
    settings.folder.mkdir(parents=True, exist_ok=True)
    runner = build_runner(settings)
    await runner.start()
    worker = Worker(
        settings,
        Gateway(settings.gateway_url, settings.token.get_secret_value()),
        Broker(settings.nats_url, settings.name),
        runner,
    )
    harness = Harness(gateway, client, settings)
    running = asyncio.create_task(worker.run(harness.stopping))
    try:
        await eventually(lambda: harness.is_ready or running.done())
        yield harness
    finally:
        harness.stopping.set()
        await running
