from datetime import timedelta

import pytest
from sqlmodel import col, update

from services.runs.models import Job
from services.runs.settings import RunsSettings
from services.runs.sweeper import sweep
from services.runs.testing import Api, Neighbours, offers
from shared.clock import utc_now
from shared.db import Database
from shared.hyperlinks import id_of
from shared.testing.fixtures import Published


async def start(api: Api, neighbours: Neighbours, seconds: int | None) -> str:
    """The only job of a run, of a function whose module sets this limit."""
    function_id = neighbours.add_function(timeout_seconds=seconds)
    run = (await api.ask_for_run(neighbours.add_pipeline((function_id, {})), [])).json()
    return str(run["jobs"][0])


async def pass_deadlines(database: Database) -> None:
    """As if every lease had been held until a moment after its last one."""
    async with database.transaction() as session:
        statement = update(Job).where(col(Job.deadline_at).is_not(None))
        await session.execute(statement.values(deadline_at=utc_now() - timedelta(seconds=1)))


@pytest.mark.parametrize(("of_module", "allowed"), [(None, 3600), (60, 60), (7200, 3600)])
async def test_a_module_may_ask_for_less_time_than_the_system_allows(
    api: Api, neighbours: Neighbours, database: Database, of_module: int | None, allowed: int
) -> None:
    job = await start(api, neighbours, of_module)
    before = utc_now()

    claim = await api.claim(job)

    assert claim["timeout_seconds"] == allowed
    async with database.reading() as session:
        deadline = (await session.get_one(Job, id_of(job))).deadline_at
    assert deadline is not None
    assert deadline >= before + timedelta(seconds=allowed + 3600)


async def test_a_limit_is_that_of_the_moment_when_the_run_was_made(
    api: Api, neighbours: Neighbours
) -> None:
    job = await start(api, neighbours, 60)
    neighbours.functions[1]["timeout_seconds"] = 5

    assert (await api.claim(job))["timeout_seconds"] == 60


async def test_a_backend_that_hangs_loses_its_job_though_its_heart_beats(
    api: Api,
    neighbours: Neighbours,
    database: Database,
    settings: RunsSettings,
    published: Published,
) -> None:
    job = await start(api, neighbours, 60)
    lease = (await api.claim(job))["lease"]["token"]
    await pass_deadlines(database)
    assert (await api.say(job, "heartbeat", {"lease": lease})).status_code == 200

    await sweep(database, settings)

    shown = await api.read(job)
    why = "attempt 1 ended: still at work 3600 s after its limit of 60 s"
    assert (shown["status"], shown["logs"]) == (
        "PENDING",
        f"mlsploit: {why}; the job waits for another backend\n",
    )
    assert (await api.say(job, "heartbeat", {"lease": lease})).status_code == 409
    attempts = await api.client.get(f"{job}attempts/", headers=api.alice)
    assert [one["reason"] for one in attempts.json()] == [why]
    assert await offers(published) == [1, 2]


async def test_a_job_that_hangs_every_backend_fails(
    api: Api, neighbours: Neighbours, database: Database, settings: RunsSettings
) -> None:
    job = await start(api, neighbours, 60)

    for _ in range(settings.attempts_max):
        await api.claim(job)
        await pass_deadlines(database)
        await sweep(database, settings)

    assert (await api.read(job))["status"] == "FAILED"
    assert (await api.read(job))["logs"].endswith("of 60 s; given up after 3 attempts\n")


async def test_every_lease_has_all_its_time_and_none_outlives_its_end(
    api: Api, neighbours: Neighbours, database: Database, settings: RunsSettings
) -> None:
    job = await start(api, neighbours, 60)
    lease = (await api.claim(job))["lease"]["token"]
    await sweep(database, settings)
    assert (await api.read(job))["status"] == "RUNNING"

    await api.report(job, {"lease": lease, "status": "FINISHED"})

    async with database.reading() as session:
        assert (await session.get_one(Job, id_of(job))).deadline_at is None
