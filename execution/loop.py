"""The worker: hears of ready jobs, claims those it has room for, and carries them out.

A message is acknowledged once the gateway has given a definitive answer to the claim; from then on
the lease keeps the job from being lost.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig

from execution.catalogue import Catalogue
from execution.claims import Claim, ModuleVersion
from execution.failures import GatewayRefusal, GatewayTrouble
from execution.gateway import Gateway
from execution.job import JobExecution
from execution.pulling import StoppablePulling
from execution.registration import Registration
from execution.runners import Runner
from execution.settings import WorkerSettings
from execution.takeaways import Takeaways
from execution.warming import Warming
from shared.events.runs import JOBS_SUBJECT_PREFIX, JobReady
from shared.events.streams import JOBS_STREAM
from shared.messaging.broker import Broker
from shared.tracing import received

ACK_WAIT_SECONDS = 30
CLAIM_AGAIN_SECONDS = 2.0
TAKEN_OR_GONE = frozenset({404, 409})

log = structlog.get_logger(__name__)


class Worker:
    def __init__(
        self, settings: WorkerSettings, gateway: Gateway, broker: Broker, runner: Runner
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._broker = broker
        self._runner = runner
        self._jobs: set[asyncio.Task[None]] = set()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_stopping = False
        self._backends: dict[str, StoppablePulling] = {}
        self._warming = Warming(runner)
        self._catalogue = Catalogue(gateway, broker, self._serve)
        self._registration = Registration(gateway, settings, lambda: self._backends)
        self._takeaways = Takeaways(broker)

    @property
    def ready_file(self) -> Path:
        return self._settings.folder / "ready"

    async def run(self, stopping: asyncio.Event) -> None:
        """Works until told to stop, then gives back what it cannot end in time."""
        self.ready_file.unlink(missing_ok=True)
        for name in self._settings.named_modules:
            self._bind(name)
        # To the very end: a job may be canceled while others are waited for.
        listening = asyncio.create_task(self._takeaways.follow())
        try:
            async with asyncio.TaskGroup() as tasks:
                background = [tasks.create_task(self._broker.connect())]
                if self._backends or self._settings.serves_all_modules:
                    background.append(tasks.create_task(self._catalogue.follow()))
                    background.append(tasks.create_task(self._registration.keep()))
                background.append(tasks.create_task(self._say_when_ready()))
                await stopping.wait()
                for task in background:
                    task.cancel()
        finally:
            await self._shut_down()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _say_when_ready(self) -> None:
        await self._broker.ready.wait()
        if self._backends or self._settings.serves_all_modules:
            await self._catalogue.is_known.wait()
        for backend in list(self._backends.values()):
            await backend.is_bound.wait()
        self.ready_file.touch()
        log.info("ready", modules=sorted(self._backends), jobs=self._settings.jobs)

    def _serve(self, modules: list[ModuleVersion]) -> None:
        """Bind to what is registered, let go of what is not, and prepare each once."""
        named = self._settings.named_modules
        before = set(self._backends)
        wanted = [m for m in modules if self._settings.serves_all_modules or m.name in named]
        for module in wanted:
            self._bind(module.name)
            self._warming.begin(module)
        for name in self._backends.keys() - {module.name for module in wanted} - named:
            self._backends.pop(name).stop_soon()
            log.info("module_left", module=name)
        if self._backends.keys() != before:
            self._registration.tell()

    def _bind(self, name: str) -> None:
        if name in self._backends:
            return
        durable = f"backend-{name}"
        config = ConsumerConfig(
            durable_name=durable,
            filter_subject=JOBS_SUBJECT_PREFIX + name,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_SECONDS,
        )
        has_room = self._has_room.wait
        backend = StoppablePulling(self._broker, JOBS_STREAM, config, self._hear, room=has_room)
        self._backends[name] = backend
        backend.start()

    async def _hear(self, message: Msg) -> None:
        if self._is_stopping or not self._has_room.is_set():
            # A pull begun while there was room; another worker gets it at once.
            await message.nak()
            return
        job = asyncio.create_task(self._take(message))
        self._jobs.add(job)
        job.add_done_callback(self._forget)
        self._count_room()

    def _forget(self, job: asyncio.Task[None]) -> None:
        self._jobs.discard(job)
        self._count_room()
        if not job.cancelled() and (error := job.exception()) is not None:
            log.error("job_lost", exc_info=error)

    def _count_room(self) -> None:
        if len(self._jobs) < self._settings.jobs:
            self._has_room.set()
        else:
            self._has_room.clear()

    async def _take(self, message: Msg) -> None:
        try:
            _, job = JobReady.parse(message.data)
        except ValueError as error:
            log.warning("message_not_understood", subject=message.subject, reason=str(error))
            await message.term()
            return
        with received(message, f"carry out {job.function}"):
            await self._carry_out(job, message)

    async def _carry_out(self, job: JobReady, message: Msg) -> None:
        claim = await self._claim(job.job_id, message)
        if claim is None:
            return
        with structlog.contextvars.bound_contextvars(job=job.job_id, attempt=claim.lease.attempt):
            log.info("job_claimed", module=str(claim.module), function=claim.function)
            execution = JobExecution(claim, self._gateway, self._runner, self._settings)
            with self._takeaways.watching(job.job_id, job.run_id, execution):
                await execution.carry_out()

    async def _claim(self, job_id: int, message: Msg) -> Claim | None:
        try:
            claim = await self._gateway.claim(job_id, self._settings.name)
        except GatewayTrouble as trouble:
            log.warning("claim_put_off", job=job_id, reason=str(trouble))
            await message.nak(delay=CLAIM_AGAIN_SECONDS)
            return None
        except GatewayRefusal as refusal:
            if refusal.status in TAKEN_OR_GONE:
                log.info("job_not_ours", job=job_id, reason=refusal.detail)
                await message.ack()
            else:
                log.warning("claim_refused", job=job_id, reason=str(refusal))
                await message.nak(delay=CLAIM_AGAIN_SECONDS)
            return None
        # A lost acknowledgement only brings the message again, and then a 409.
        with suppress(NatsError):
            await message.ack()
        return claim

    async def _shut_down(self) -> None:
        self._is_stopping = True
        self.ready_file.unlink(missing_ok=True)
        await self._catalogue.stop()
        backends = self._backends.values()
        await asyncio.gather(self._registration.leave(), *(each.stop() for each in backends))
        await self._warming.stop()
        if self._jobs:
            log.info("draining", jobs=len(self._jobs), seconds=self._settings.drain_seconds)
            await asyncio.wait(self._jobs, timeout=self._settings.drain_seconds)
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        await self._runner.stop()
        await self._broker.close()
        await self._gateway.close()
