"""Hears that a job in hand may have been taken away: canceled, deleted, given back by somebody.

An event only makes the lease be asked about at once; the gateway's answer decides, and without NATS
the next heartbeat finds out. Every worker hears every event: nothing is stored for it.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from execution.job import JobExecution
from shared.events.runs import JobStatusChanged, RunDeleted
from shared.messaging.broker import Broker

# The other changes follow from reports, and those of this worker's jobs are its own.
TAKEN_AWAY = frozenset({"CANCELED", "PENDING"})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, eq=False)
class _InHand:
    job_id: int
    run_id: int
    execution: JobExecution


class Takeaways:
    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._in_hand: set[_InHand] = set()

    @contextmanager
    def watching(self, job_id: int, run_id: int, execution: JobExecution) -> Iterator[None]:
        in_hand = _InHand(job_id, run_id, execution)
        self._in_hand.add(in_hand)
        try:
            yield
        finally:
            self._in_hand.discard(in_hand)

    async def follow(self) -> None:
        """Ends only by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            for subject, hear in (
                (JobStatusChanged.subject(), self._hear_status),
                (RunDeleted.subject(), self._hear_deletion),
            ):
                tasks.create_task(self._broker.listen(subject, hear, is_shared=False))

    async def _hear_status(self, payload: bytes) -> None:
        try:
            _, event = JobStatusChanged.parse(payload)
        except ValueError as error:
            log.warning("event_not_understood", reason=str(error))
            return
        if event.status in TAKEN_AWAY:
            self._doubt(one for one in self._in_hand if one.job_id == event.job_id)

    async def _hear_deletion(self, payload: bytes) -> None:
        try:
            _, event = RunDeleted.parse(payload)
        except ValueError as error:
            log.warning("event_not_understood", reason=str(error))
            return
        self._doubt(one for one in self._in_hand if one.run_id == event.run_id)

    @staticmethod
    def _doubt(taken_away: Iterator[_InHand]) -> None:
        for one in taken_away:
            log.info("lease_in_doubt", job=one.job_id)
            one.execution.doubt()
