"""What an operator's tools are told of jobs."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY

from services.runs.measures.measuring import count_moves, measure
from services.runs.testing import Api


@pytest.fixture(autouse=True)
def _counted(app: FastAPI) -> Iterator[None]:
    """As the background does it, which needs NATS."""
    app.state.database.on_commit.append(count_moves)
    yield
    app.state.database.on_commit.remove(count_moves)


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


async def test_what_waits_and_what_is_being_done_is_told(api: Api, app: FastAPI) -> None:
    first, _ = (await api.start_run())["jobs"]
    await api.start_run()

    await measure(app.state.database)

    assert value("mlsploit_jobs_unfinished", status="PENDING") == 4
    assert value("mlsploit_jobs_ready") == 2
    assert value("mlsploit_jobs_ready_seconds") > 0
    await api.claim(first)
    await measure(app.state.database)
    assert value("mlsploit_jobs_unfinished", status="PENDING") == 3
    assert value("mlsploit_jobs_unfinished", status="RUNNING") == 1
    assert (value("mlsploit_jobs_ready"), value("mlsploit_leases")) == (1, 1)


async def test_claims_and_ends_are_counted_with_the_time_they_took(api: Api) -> None:
    names = ("mlsploit_job_claim_seconds_count", "mlsploit_job_seconds_count")
    claims_before, ends_before = value(names[0]), value(names[1], status="FINISHED")
    moves_before = value("mlsploit_job_moves_total", status="FINISHED")
    [job] = (await api.start_run(jobs=1))["jobs"]

    claim = await api.claim(job)
    await api.report(job, {"lease": claim["lease"]["token"], "status": "FINISHED"})

    assert value(names[0]) == claims_before + 1
    assert value(names[1], status="FINISHED") == ends_before + 1
    assert value("mlsploit_job_moves_total", status="FINISHED") == moves_before + 1


async def test_a_report_that_is_refused_counts_nothing(api: Api) -> None:
    [job] = (await api.start_run(jobs=1))["jobs"]
    await api.claim(job)
    moves_before = value("mlsploit_job_moves_total", status="FINISHED")

    answer = await api.report(job, {"lease": "stale", "status": "FINISHED"})

    assert answer.status_code == 409
    assert value("mlsploit_job_moves_total", status="FINISHED") == moves_before
