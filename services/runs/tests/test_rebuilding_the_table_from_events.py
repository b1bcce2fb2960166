"""Events alone say how everything stands: after a busy time, a reader who begins at the first."""

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from services.runs import queries, service, sweeper
from services.runs.live.testing import Running
from services.runs.models import Job
from services.runs.queries import JobFilter, RunFilter
from services.runs.testing import ALICE, url
from shared.clock import utc_now
from shared.db import Database
from shared.messaging.tables import outbox
from shared.testing.eventually import eventually
from shared.testing.processes import NatsServer

LONG = 180.0
# Twice as many, with retries and what else is done to them: a busy hour of a laboratory.
RUNS = 40
GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "follow-events.md"

Table = dict[str, Any]
Act = Callable[["Workload", str], Awaitable[object]]


def program_of_the_guide() -> dict[str, Any]:
    [code] = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "follow_events"}
    exec(compile(code, str(GUIDE), "exec"), names)  # noqa: S102 - our own
    return names


class Workload:
    """People and backends who do everything that can be done, in an order drawn by lot."""

    def __init__(self, running: Running, seed: int):
        self.api = running.api
        self.app = running.app
        self.database: Database = running.app.state.database
        self.lot = random.Random(seed)
        self.done = self.retried = 0

    async def go_on(self) -> None:
        async with asyncio.TaskGroup() as all_of_them:
            people = [all_of_them.create_task(self._start_runs()) for _ in range(2)]
            backends = [all_of_them.create_task(self._take_jobs()) for _ in range(3)]
            await asyncio.wait(people)
            await eventually(self._is_busy_enough, within=LONG)
            for backend in backends:
                backend.cancel()

    async def _is_busy_enough(self) -> bool:
        return self.done >= 2 * RUNS

    async def _start_runs(self) -> None:
        for _ in range(RUNS // 2):
            run = await self.api.start_run(jobs=self.lot.randint(1, 3), files=1)
            act = self.lot.choice(["none", "none", "none", "cancel", "retry", "delete", "pipeline"])
            if act in ("cancel", "retry"):
                await self._post(f"{run['url']}cancel/", self.api.alice)
            if act == "retry":
                self.retried += await self._post(f"{run['url']}retry/", self.api.alice) == 200
            if act == "delete":
                await self.api.client.delete(run["url"], headers=self.api.alice)
            if act == "pipeline":
                async with self.database.transaction() as session:
                    pipeline_id = int(run["pipeline"].rstrip("/").rpartition("/")[2])
                    await service.delete_runs_of_pipeline(session, pipeline_id)

    async def _take_jobs(self) -> None:
        acts: list[Act] = [
            *(Workload.finish, Workload.finish, Workload.finish, Workload.fail),
            *(Workload.release, Workload.fall_silent, Workload.report_by_halves),
            *(Workload.change_outputs_afterwards, Workload.lose_an_output, Workload.know_no_leases),
        ]
        while True:
            answer = await self.api.client.get(
                "/api/v1/jobs/?status=PENDING", headers=self.api.admin
            )
            for job in self.lot.sample(answer.json(), min(3, len(answer.json()))):
                await self.lot.choice(acts)(self, job["url"])
                self.done += 1

    async def _post(self, address: str, by: dict[str, str]) -> int:
        return (await self.api.client.post(address, json={}, headers=by)).status_code

    async def _claim(self, job: str) -> str | None:
        answer = await self.api.ask_for_claim(job)
        return answer.json()["lease"]["token"] if answer.status_code == 200 else None

    def _outputs(self) -> list[str]:
        numbers = range(self.lot.randint(0, 2))
        files = [self.api.neighbours.add_file(f"{n}.out", kind="OUTPUT") for n in numbers]
        return [url("files", file) for file in files]

    async def finish(self, job: str, status: str = "FINISHED") -> None:
        if lease := await self._claim(job):
            changes = {"lease": lease, "status": status, "output_files": self._outputs()}
            await self.api.report(job, changes)

    async def fail(self, job: str) -> None:
        await self.finish(job, "FAILED")

    async def release(self, job: str) -> None:
        if lease := await self._claim(job):
            await self.api.say(job, "release", {"lease": lease})

    async def fall_silent(self, job: str) -> None:
        if lease := await self._claim(job):
            await self.api.report(job, {"lease": lease, "output_files": self._outputs()})
            past = utc_now() - timedelta(hours=1)
            async with self.database.transaction() as session:
                held = col(Job.lease_expires_at).is_not(None)
                mine = col(Job.id) == int(job.rstrip("/").rpartition("/")[2])
                await session.execute(update(Job).where(mine, held).values(lease_expires_at=past))
            await sweeper.sweep(self.database, self.app.state.settings)

    async def report_by_halves(self, job: str) -> None:
        if lease := await self._claim(job):
            await self.api.report(job, {"lease": lease, "output_files": self._outputs()})
            await self.api.report(job, {"lease": lease, "status": "FINISHED"})

    async def change_outputs_afterwards(self, job: str) -> None:
        await self.finish(job)
        await self.api.patch(job, {"output_files": self._outputs()})

    async def lose_an_output(self, job: str) -> None:
        await self.finish(job)
        answer = await self.api.client.get(job, headers=self.api.admin)
        for file in answer.json().get("output_files", [])[:1]:
            file_id = int(file.rstrip("/").rpartition("/")[2])
            async with self.database.transaction() as session:
                await service.forget_output(session, file_id, owner_id=ALICE)

    async def know_no_leases(self, job: str) -> None:
        for status in ("QUEUED", "RUNNING", self.lot.choice(["FINISHED", "FAILED"])):
            await self.api.patch(job, {"status": status})


async def table_in(database: Database) -> Table:
    async with database.reading() as session:
        runs = await queries.list_runs(session, RunFilter())
        jobs = await queries.list_jobs(session, JobFilter())
        outputs = await queries.list_outputs(session, JobFilter())
    table: Table = {str(run.id): {"status": run.status, "jobs": {}} for run in runs}
    for job in jobs:
        table[str(job.run_id)]["jobs"][str(job.id)] = {
            "status": job.status,
            "attempt": job.attempt,
            "outputs": [row.file_id for row in outputs if row.job_id == job.id],
        }
    return table


@pytest.mark.timeout(900)
async def test_a_reader_who_begins_at_the_first_event_knows_what_the_database_knows(
    running: Running, nats: NatsServer, tmp_path: Path
) -> None:
    database: Database = running.app.state.database
    follow = program_of_the_guide()["follow"]
    file = tmp_path / "table.json"
    work = Workload(running, seed=7)
    await work.go_on()
    assert work.retried

    async def all_is_told() -> bool:
        async with database.reading() as session:
            return await session.scalar(select(func.count()).select_from(outbox)) == 0

    await eventually(all_is_told, within=LONG)
    await follow(nats.url, file, until_up_to_date=True)

    known = await table_in(database)
    assert len(known) > RUNS // 4
    assert json.loads(file.read_text())["runs"] == known

    # And from there on: the same reader, come back later.
    await Workload(running, seed=8).go_on()
    await eventually(all_is_told, within=LONG)
    await follow(nats.url, file, until_up_to_date=True)
    assert json.loads(file.read_text())["runs"] == await table_in(database)
