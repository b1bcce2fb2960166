"""Counts that no machine changes: SQL statements, calls to other services, messages on NATS.

A change that needs more of one says so here, on purpose.
"""

import pytest

from services.runs import planning
from services.runs.settings import RunsSettings
from services.runs.sweeper import sweep
from services.runs.testing import Api, pass_time
from shared.db import Database
from shared.testing.counting import counting
from shared.testing.fixtures import SQLITE
from shared.testing.peers import Peers
from shared.testing.plans import scans, searches, sorts

JOBS, RUNS = "/api/v1/jobs/", "/api/v1/runs/"


@pytest.mark.parametrize(
    ("address", "statements"),
    [
        # Jobs, their outputs, and which backends are there for those that wait.
        (JOBS, 3),
        (f"{JOBS}?limit=1", 3),
        (f"{JOBS}?fields=id,status", 1),
        # Runs, their files, their jobs.
        (RUNS, 3),
        (f"{RUNS}?fields=id,pipeline", 1),
        (f"{JOBS}1/", 3),
        (f"{RUNS}1/", 3),
    ],
)
async def test_reading_takes_a_few_statements_however_much_there_is(
    api: Api, database: Database, peers: Peers, address: str, statements: int
) -> None:
    for _ in range(3):
        await api.start_run()
    await api.client.get(address, headers=api.alice)

    async with counting(database, peers) as counts:
        answer = await api.client.get(address, headers=api.alice)

    assert answer.status_code == 200
    assert counts.all == (statements, 0, 0)


async def test_polling_a_list_that_stays_asks_the_database_nothing(
    api: Api, database: Database, peers: Peers
) -> None:
    await api.start_run()
    for address in (JOBS, RUNS):
        tag = (await api.client.get(address, headers=api.alice)).headers["etag"]

        async with counting(database, peers) as counts:
            again = await api.client.get(address, headers=api.alice | {"If-None-Match": tag})

        assert again.status_code == 304
        assert counts.all == (0, 0, 0)


async def test_starting_a_run_asks_its_neighbours_once_each(
    api: Api, database: Database, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "FUNCTIONS_BELIEVED_SECONDS", 0)
    await api.start_run()
    pipeline_id = max(api.neighbours.pipelines)

    async with counting(database, peers) as counts:
        answer = await api.ask_for_run(pipeline_id, [1])

    assert answer.status_code == 201
    # The pipeline, its functions, and files, to hold them.
    # PostgreSQL also locks two names by one: the user's and the pipeline's.
    assert counts.all == (9 if database.is_sqlite else 10, 3, 2)


async def test_of_many_runs_in_a_moment_one_asks_what_the_functions_are(
    api: Api, database: Database, peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "FUNCTIONS_BELIEVED_SECONDS", 3600)
    await api.start_run()
    pipeline_id = max(api.neighbours.pipelines)

    async with counting(database, peers) as counts:
        for _ in range(3):
            assert (await api.ask_for_run(pipeline_id, [1])).status_code == 201

    # The pipeline and the files of each.
    assert counts.calls == 6


async def test_offering_many_jobs_again_takes_as_many_statements_as_one(
    api: Api, database: Database, peers: Peers, settings: RunsSettings
) -> None:
    for _ in range(3):
        await api.start_run()
    await pass_time(database)

    async with counting(database, peers) as counts:
        await sweep(database, settings)

    # What is expired, what is unclaimed; then those again under a lock, their inputs by two, the
    # jobs, the messages.
    assert counts.all == (7, 0, 3)


async def test_a_step_of_a_job_is_told_once(api: Api, database: Database, peers: Peers) -> None:
    run = await api.start_run()
    job = run["jobs"][0]

    async with counting(database, peers) as queued:
        assert (await api.patch(job, {"status": "QUEUED"})).status_code == 200
    async with counting(database, peers) as running:
        assert (await api.patch(job, {"status": "RUNNING"})).status_code == 200

    # One is the audit log's, for it is an administrator who reports.
    assert queued.all == (8 + 1, 0, 1)
    # The run is RUNNING with it, and says so too.
    assert running.all == (10 + 1, 0, 2)


@pytest.mark.parametrize(
    "address",
    [
        JOBS,
        f"{JOBS}?limit=2",
        f"{JOBS}?status=PENDING",
        f"{JOBS}?status=PENDING&limit=1",
        f"{JOBS}?run=1,2",
        f"{JOBS}1/",
        RUNS,
        f"{RUNS}?limit=2&ordering=-id",
        f"{RUNS}?limit=2&ordering=date_created",
        f"{JOBS}?limit=2&ordering=-date_created",
        f"{RUNS}?pipeline=1,2",
        f"{RUNS}1/",
        "/internal/runs/?pipeline=1,2",
    ],
)
async def test_no_read_goes_through_a_whole_table(
    api: Api, database: Database, peers: Peers, address: str
) -> None:
    for _ in range(3):
        await api.start_run()

    async with counting(database, peers) as counts:
        assert (await api.client.get(address, headers=api.alice)).status_code == 200

    assert await scans(database, counts) == []


PAGES = (
    f"{RUNS}?limit=2",
    f"{RUNS}?limit=2&ordering=-date_created",
    f"{RUNS}?limit=2&ordering=date_created&created_after=2026-01-01",
    f"{JOBS}?limit=2&ordering=-id",
    f"{JOBS}?limit=2&ordering=date_created",
    f"{JOBS}?limit=2&ordering=date_created&created_after=2026-01-01",
    f"{JOBS}?limit=2&status=PENDING",
)


@pytest.mark.parametrize("asks", ["alice", "admin"])
async def test_a_page_sorts_nothing_wherever_it_is(
    api: Api, database: Database, peers: Peers, asks: str
) -> None:
    for _ in range(3):
        await api.start_run()

    async with counting(database, peers) as counts:
        for address in PAGES:
            first = await api.client.get(f"{address}&fields=id", headers=getattr(api, asks))
            second = await api.client.get(first.links["next"]["url"], headers=getattr(api, asks))
            assert second.json()

    assert await sorts(database, counts) == []


# PostgreSQL chooses an index by what there is: here, next to nothing.
@pytest.mark.parametrize("database_url", [SQLITE], indirect=True)
async def test_own_jobs_that_wait_are_found_past_those_of_others(
    api: Api, database: Database, peers: Peers
) -> None:
    await api.start_run()

    async with counting(database, peers) as counts:
        await api.client.get(f"{JOBS}?status=PENDING&limit=1&fields=id", headers=api.alice)

    [search] = await searches(database, counts)
    assert "(owner_id=? AND status=?)" in search


async def test_an_administrator_finds_the_runs_of_a_pipeline_by_an_index(
    api: Api, database: Database, peers: Peers
) -> None:
    await api.start_run()

    async with counting(database, peers) as counts:
        await api.client.get(f"{RUNS}?pipeline=1&fields=id", headers=api.admin)

    assert await scans(database, counts) == []


async def test_a_backend_that_polls_finds_what_waits_by_an_index(
    api: Api, database: Database, peers: Peers
) -> None:
    await api.start_run()

    async with counting(database, peers) as counts:
        for query in ("?status=PENDING", "?status=PENDING&limit=10"):
            await api.client.get(f"{JOBS}{query}", headers=api.admin)

    assert await scans(database, counts) == []


async def test_no_change_goes_through_a_whole_table(
    api: Api, database: Database, peers: Peers
) -> None:
    async with counting(database, peers) as counts:
        run = await api.start_run()
        for status in ("QUEUED", "RUNNING", "FINISHED"):
            await api.patch(run["jobs"][0], {"status": status})
        await api.claim(run["jobs"][1])

    assert await scans(database, counts) == []
