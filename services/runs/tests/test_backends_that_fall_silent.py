import asyncio

import pytest

from services.runs import leases
from services.runs.errors import NotClaimable
from services.runs.models import Job
from services.runs.offers.again import JOBS_AT_ONCE_MAX
from services.runs.rows.queries import lock_job
from services.runs.settings import RunsSettings
from services.runs.sweeper import sweep
from services.runs.testing import Api, offers, pass_time, url
from shared.clock import utc_now
from shared.db import Database
from shared.hyperlinks import id_of
from shared.testing.fixtures import Published


async def test_an_expired_lease_returns_the_job(
    api: Api, database: Database, settings: RunsSettings, published: Published
) -> None:
    run = await api.start_run()
    job = run["jobs"][0]
    claim = await api.claim(job)
    await api.say(job, "logs", {"lease": claim["lease"]["token"], "offset": 0, "text": "hal"})
    await pass_time(database)

    await sweep(database, settings)

    shown = await api.read(job)
    assert (shown["status"], shown["attempt"], shown["started"]) == ("PENDING", 1, None)
    assert shown["logs"] == (
        "hal\nmlsploit: attempt 1 ended: no heartbeat for 30 s; the job waits for another backend\n"
    )
    assert (await api.read(run["url"]))["status"] == "PENDING"
    assert await offers(published) == [1, 2]
    assert (await api.say(job, "heartbeat", {"lease": claim["lease"]["token"]})).status_code == 409
    second = await api.claim(job)
    assert second["lease"]["attempt"] == 2
    assert second["job"]["logs"] == shown["logs"]


async def test_no_lease_ends_before_its_backend_could_be_heard(
    api: Api, database: Database, settings: RunsSettings
) -> None:
    job = (await api.start_run())["jobs"][0]
    lease = {"lease": (await api.claim(job))["lease"]["token"]}
    await pass_time(database)

    await sweep(database, settings, is_fair=False)

    assert (await api.read(job))["status"] == "RUNNING"
    assert (await api.say(job, "heartbeat", lease)).status_code == 200


async def test_after_three_attempts_the_job_fails_with_the_reason(
    api: Api, database: Database, settings: RunsSettings, published: Published
) -> None:
    run = await api.start_run()
    job = run["jobs"][0]

    for _ in range(3):
        await api.claim(job)
        await pass_time(database)
        await sweep(database, settings)

    shown = await api.read(job)
    assert (shown["status"], (await api.read(run["url"]))["status"]) == ("FAILED", "FAILED")
    reason = "attempt 3 ended: no heartbeat for 30 s; given up after 3 attempts\n"
    assert shown["logs"].endswith(reason)
    assert await offers(published) == [1, 2, 3]
    assert (await api.ask_for_claim(job)).status_code == 409


async def test_a_lease_that_is_renewed_is_left_alone(
    api: Api, database: Database, settings: RunsSettings
) -> None:
    [job, _] = (await api.start_run())["jobs"]
    lease = (await api.claim(job))["lease"]["token"]
    await pass_time(database)

    assert (await api.say(job, "heartbeat", {"lease": lease})).status_code == 200
    await sweep(database, settings)

    assert (await api.read(job))["status"] == "RUNNING"


async def test_replicas_that_sweep_at_once_count_an_attempt_once(
    api: Api, database: Database, settings: RunsSettings, published: Published
) -> None:
    [job, _] = (await api.start_run())["jobs"]
    await api.claim(job)
    await pass_time(database)

    await asyncio.gather(*(sweep(database, settings) for _ in range(4)))

    assert (await api.read(job))["attempt"] == 1
    assert await offers(published) == [1, 2]


async def test_a_ready_job_that_nobody_takes_is_announced_again_ever_less_often(
    api: Api, database: Database, settings: RunsSettings, published: Published
) -> None:
    [job, _] = (await api.start_run())["jobs"]
    waits = []
    for _ in range(4):
        await sweep(database, settings)
        await pass_time(database)
        await sweep(database, settings)
        async with database.reading() as session:
            stored = await session.get_one(Job, id_of(job))
        assert stored.announce_at is not None
        waits.append(round((stored.announce_at - utc_now()).total_seconds(), -1))

    assert await offers(published) == [1] * 5
    assert waits == [120, 240, 480, 480]


async def test_what_is_offered_again_is_what_was_offered_at_first(
    api: Api, database: Database, settings: RunsSettings, published: Published
) -> None:
    runs = [await api.start_run(files=2) for _ in range(JOBS_AT_ONCE_MAX + 1)]
    first = runs[0]["jobs"][0]
    await api.patch(first, {"status": "RUNNING"})
    made = [url("files", api.neighbours.add_file(f"{n}", kind="OUTPUT")) for n in range(2)]
    done = await api.patch(first, {"status": "FINISHED", "output_files": made})
    assert done.status_code == 200, done.text
    offered = await _offered(published)
    await pass_time(database)

    await asyncio.gather(*(sweep(database, settings) for _ in range(2)))

    again = (await _offered(published))[len(offered) :]
    # The first job of the first run is over, and the second is on offer.
    assert sorted(again) == sorted(offered[1:])


async def test_a_job_that_is_not_on_offer_is_never_announced_again(
    api: Api, database: Database, settings: RunsSettings, published: Published
) -> None:
    queued, running = [(await api.start_run())["jobs"][0] for _ in range(2)]
    await api.patch(queued, {"status": "QUEUED"})
    await api.patch(running, {"status": "RUNNING"})
    before = len(await published())
    await pass_time(database)

    await sweep(database, settings)

    assert len(await published()) == before


async def test_an_administrator_takes_a_job_back_and_it_is_offered_again(
    api: Api, database: Database, settings: RunsSettings, published: Published
) -> None:
    first, second = (await api.start_run())["jobs"]
    await api.patch(first, {"status": "RUNNING"})

    async with database.transaction() as session:
        run, job = await lock_job(session, id_of(first), owner_id=None)
        await leases.requeue(session, run, job, settings)

    assert (await api.read(first))["status"] == "PENDING"
    assert await offers(published) == [1, 2]
    async with database.transaction() as session:
        run, job = await lock_job(session, id_of(second), owner_id=None)
        with pytest.raises(NotClaimable, match="waits for job"):
            await leases.requeue(session, run, job, settings)


async def _offered(published: Published) -> list[tuple[int, int, list[int], str]]:
    """(job, attempt, input files, function) of each offer so far."""
    return [
        (data["job_id"], data["attempt"], data["input_file_ids"], data["function"])
        for subject, data in await published()
        if "mlsploit.jobs" in subject
    ]
