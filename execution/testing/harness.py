"""A worker in the test's own loop, between a real NATS and the stand-in of the gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from nats.aio.client import Client
from nats.errors import Error as NatsError

from execution.__main__ import build_runner
from execution.gateway import Gateway
from execution.loop import Worker
from execution.settings import WorkerSettings
from execution.testing.gateway import TOKEN, GatewayStandIn
from execution.testing.records import StoredJob
from execution.testing.waiting import eventually
from shared.events.runs import JobReady, JobStatus, JobStatusChanged, RunDeleted
from shared.messaging.broker import Broker

RETRY_SECONDS = 0.05
RUN_ID = 1


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
        ready = JobReady(
            job_id=job.id,
            run_id=RUN_ID,
            owner_id=7,
            attempt=job.attempt + 1,
            module=job.module["name"],
            repo_url=job.module["repo_url"],
            commit=job.module["commit"],
            function=job.function,
            options=job.options,
            input_file_ids=[file.id for file in job.files],
        )
        await self._publish(ready.offer_subject(), ready.envelope().payload())

    async def tell_of_modules(self) -> None:
        subject = "mlsploit.events.modules.module.registered"
        await self._publish(subject, b"{}")

    async def tell_of_job(self, job: StoredJob) -> None:
        """The status that it has now."""
        changed = JobStatusChanged(
            job_id=job.id,
            run_id=RUN_ID,
            owner_id=7,
            status=cast("JobStatus", job.status),
            attempt=job.attempt,
        )
        await self._publish(changed.subject(), changed.envelope().payload())

    async def tell_of_deletion(self) -> None:
        deleted = RunDeleted(run_id=RUN_ID, owner_id=7, holder="", output_file_ids=[])
        await self._publish(deleted.subject(), deleted.envelope().payload())

    async def _publish(self, subject: str, payload: bytes) -> None:
        """Also while NATS is coming back."""
        while True:
            try:
                await self.client.jetstream(timeout=1.0).publish(subject, payload)
            except NatsError:
                await asyncio.sleep(RETRY_SECONDS)  # tidy: allow no-sleep - this is a retry
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
