"""Claims, reports, silence, cancels and retries in any order, against a model of a few lines.

Hypothesis is synchronous and the service is not: the machine runs in a thread of its own, and each
step waits for the loop of the test.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, update
from sqlmodel import col

from services.runs.models import Job, JobAttempt
from services.runs.settings import RunsSettings
from services.runs.states import RETRIABLE, TERMINAL, can_become, run_status
from services.runs.sweeper import sweep
from services.runs.testing import LONG_AGO, Api
from shared.clock import utc_now
from shared.db import Database
from shared.hyperlinks import id_of

JOBS = 3
LIMITS = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
Drive = Callable[[Coroutine[Any, Any, Any]], Any]

places = st.integers(0, JOBS - 1)
ends = st.sampled_from(["FINISHED", "FAILED"])


@dataclass
class ModelJob:
    status: str = "PENDING"
    is_ready: bool = False
    # The lease that is held now, the one under which the job ended, and those that are over.
    lease: str | None = None
    last: str | None = None
    stale: list[str] = field(default_factory=list)
    attempts: int = 0
    spared: int = 0

    def drop_lease(self) -> None:
        self.stale += [token for token in (self.lease, self.last) if token]
        self.lease = self.last = None


class AnyOrder(RuleBasedStateMachine):
    def __init__(self, api: Api, database: Database, limits: RunsSettings, drive: Drive):
        super().__init__()
        self.api, self.database, self.limits, self.drive = api, database, limits, drive
        self.begin()

    def begin(self) -> None:
        self.run = self.drive(self.api.start_run(jobs=JOBS, files=0))
        self.jobs = [ModelJob(is_ready=place == 0) for place in range(JOBS)]

    @property
    def run_status(self) -> str:
        return run_status([job.status for job in self.jobs])

    def address(self, place: int) -> str:
        return str(self.run["jobs"][place])

    def expect(self, answer: Awaitable[Any], status: int) -> Any:
        async def wait() -> Any:
            return await answer

        got = self.drive(wait())
        assert got.status_code == status, got.text
        return got.json() if got.content else None

    def end(self, place: int, status: str) -> None:
        self.jobs[place].status = status
        if status == "FINISHED" and place + 1 < JOBS:
            self.jobs[place + 1].is_ready = True

    @rule(place=places)
    def claim(self, place: int) -> None:
        job = self.jobs[place]
        may = job.status == "PENDING" and job.is_ready
        answer = self.expect(self.api.ask_for_claim(self.address(place)), 200 if may else 409)
        if may:
            job.attempts += 1
            assert answer["lease"]["attempt"] == job.attempts
            job.status, job.lease = "RUNNING", answer["lease"]["token"]

    @rule(place=places, status=ends)
    def report(self, place: int, status: str) -> None:
        job = self.jobs[place]
        if job.lease is not None:
            body = {"lease": job.lease, "status": status}
            self.expect(self.api.report(self.address(place), body), 200)
            job.lease, job.last = None, job.lease
            self.end(place, status)

    @rule(place=places)
    def beat(self, place: int) -> None:
        job = self.jobs[place]
        for token in [*job.stale, *filter(None, (job.lease, job.last))]:
            said = self.api.say(self.address(place), "heartbeat", {"lease": token})
            self.expect(said, 200 if token == job.lease else 409)

    @rule(place=places, status=ends)
    def report_under_a_stale_lease(self, place: int, status: str) -> None:
        for token in self.jobs[place].stale:
            body = {"lease": token, "status": status, "output": "1"}
            self.expect(self.api.report(self.address(place), body), 409)

    @rule(place=places)
    def release(self, place: int) -> None:
        job = self.jobs[place]
        if job.lease is not None:
            said = self.api.say(self.address(place), "release", {"lease": job.lease})
            self.expect(said, 200)
            job.drop_lease()
            job.status, job.spared = "PENDING", job.spared + 1

    @rule(place=places, column=st.sampled_from(["lease_expires_at", "deadline_at"]))
    def fall_silent_or_hang(self, place: int, column: str) -> None:
        job = self.jobs[place]
        if job.lease is not None:
            self.drive(self._pass(id_of(self.address(place)), column))
            job.drop_lease()
            is_over = job.attempts - job.spared >= self.limits.attempts_max
            job.status = "FAILED" if is_over else "PENDING"

    async def _pass(self, job_id: int, column: str) -> None:
        statement = update(Job).where(col(Job.id) == job_id)
        async with self.database.transaction() as session:
            await session.execute(statement.values({column: utc_now() - LONG_AGO}))
        await sweep(self.database, self.limits)

    @rule(place=places, status=st.sampled_from(["QUEUED", "RUNNING", "FINISHED", "FAILED"]))
    def report_without_a_lease(self, place: int, status: str) -> None:
        """By a backend of old, which waits for the parent to be FINISHED as ours do."""
        job = self.jobs[place]
        if not job.is_ready:
            return
        may = job.lease is None and job.last is None and can_become(job.status, status)
        self.expect(self.api.patch(self.address(place), {"status": status}), 200 if may else 409)
        if may and status != job.status:
            job.attempts += status != "QUEUED" and job.status != "RUNNING"
            self.end(place, status)

    @rule()
    def cancel(self) -> None:
        may = self.run_status not in {"FINISHED", "FAILED"}
        asked = self.api.client.post(f"{self.run['url']}cancel/", headers=self.api.alice)
        self.expect(asked, 200 if may else 409)
        for job in self.jobs:
            if may and job.status not in TERMINAL:
                job.drop_lease()
                job.status = "CANCELED"

    @rule()
    def retry(self) -> None:
        may = self.run_status in RETRIABLE
        asked = self.api.client.post(f"{self.run['url']}retry/", headers=self.api.alice)
        self.expect(asked, 200 if may else 409)
        for job in self.jobs:
            if may and job.status in RETRIABLE:
                job.drop_lease()
                job.status, job.spared = "PENDING", job.attempts

    @precondition(lambda self: self.run_status in TERMINAL)
    @rule()
    def delete(self) -> None:
        self.expect(self.api.client.delete(self.run["url"], headers=self.api.alice), 204)
        self.expect(self.api.ask_for_claim(self.address(0)), 404)
        self.begin()

    @invariant()
    def what_is_stored_is_what_the_model_says(self) -> None:
        shown = self.drive(self.api.read(self.run["url"]))
        assert shown["status"] == self.run_status
        assert (shown["finished"] is not None) == (self.run_status in TERMINAL)
        stored, attempts = self.drive(self._stored())
        for model, job, tried in zip(self.jobs, stored, attempts, strict=True):
            assert (job.status, job.ready_at is not None) == (model.status, model.is_ready)
            assert (job.lease_expires_at is not None) == (model.lease is not None)
            assert (job.deadline_at is not None) == (model.lease is not None)
            assert (job.announce_at is not None) == (model.status == "PENDING" and model.is_ready)
            assert [one.attempt for one in tried] == list(range(1, model.attempts + 1))
            is_open = [one.ended_at is None for one in tried]
            assert is_open == [False] * (len(tried) - 1) + [job.status == "RUNNING"] * bool(tried)
        for parent, child in zip(self.jobs, self.jobs[1:], strict=False):
            assert parent.status == "FINISHED" or child.attempts == 0

    async def _stored(self) -> tuple[list[Job], list[list[JobAttempt]]]:
        ids = [id_of(job) for job in self.run["jobs"]]
        tried = select(JobAttempt).order_by(col(JobAttempt.id))
        async with self.database.reading() as session:
            jobs = [await session.get_one(Job, job_id) for job_id in ids]
            attempts = [
                list((await session.scalars(tried.where(col(JobAttempt.job_id) == one))).all())
                for one in ids
            ]
        return jobs, attempts


@pytest.mark.timeout(900)
async def test_no_order_of_what_can_happen_breaks_a_run(
    api: Api, database: Database, settings: RunsSettings
) -> None:
    loop = asyncio.get_running_loop()

    def drive(step: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(step, loop).result()

    class AnyOrderHere(AnyOrder):
        def __init__(self) -> None:
            super().__init__(api, database, settings, drive)

    await asyncio.to_thread(run_state_machine_as_test, AnyOrderHere, settings=LIMITS)
