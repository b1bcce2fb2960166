from typing import Any

import pytest

from services.runs.settings import RunsSettings
from services.runs.sweeper import sweep
from services.runs.testing import Api, Neighbours, pass_time, url
from shared.db import Database


async def attempts(api: Api, job: str) -> list[dict[str, Any]]:
    answer = await api.client.get(f"{job}attempts/", headers=api.alice)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def summary(api: Api, job: str) -> list[tuple[int, str, str | None]]:
    return [(one["attempt"], one["worker"], one["reason"]) for one in await attempts(api, job)]


async def test_every_attempt_is_kept_with_the_reason_of_its_end(
    api: Api, database: Database, settings: RunsSettings
) -> None:
    [job, _] = (await api.start_run())["jobs"]
    assert await attempts(api, job) == []

    for _ in range(2):
        await api.claim(job)
        await pass_time(database)
        await sweep(database, settings)
    lease = (await api.claim(job))["lease"]["token"]
    await api.report(job, {"lease": lease, "status": "FAILED"})

    assert await summary(api, job) == [
        (1, "w1", "attempt 1 ended: no heartbeat for 30 s"),
        (2, "w1", "attempt 2 ended: no heartbeat for 30 s"),
        (3, "w1", "reported FAILED"),
    ]


async def test_an_attempt_at_work_has_no_end_yet(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]
    lease = (await api.claim(job))["lease"]["token"]

    [open_one] = await attempts(api, job)
    running = await api.read(job)
    await api.report(job, {"lease": lease, "status": "FINISHED"})
    [ended] = await attempts(api, job)

    ends = ("finished", "duration_seconds", "reason")
    assert [open_one[name] for name in ends] == [None, None, None]
    assert (running["finished"], running["duration_seconds"]) == (None, None)
    assert ended["started"] == open_one["started"] < ended["finished"]
    assert ended["duration_seconds"] > 0


async def test_the_latest_attempt_shows_what_the_job_has(api: Api, neighbours: Neighbours) -> None:
    [job, _] = (await api.start_run())["jobs"]
    lease = (await api.claim(job))["lease"]["token"]
    made = url("files", neighbours.add_file("o.txt", kind="OUTPUT"))
    report = {"lease": lease, "status": "FINISHED", "output": "1", "output_files": [made]}
    await api.report(job, report)

    [only] = await attempts(api, job)

    assert (only["job"], only["output"], only["output_files"]) == (job, "1", [made])


async def test_what_is_given_back_counts_on_and_costs_no_attempt(
    api: Api, database: Database, settings: RunsSettings
) -> None:
    [job, _] = (await api.start_run())["jobs"]
    for _ in range(4):
        lease = (await api.claim(job))["lease"]["token"]
        await api.say(job, "release", {"lease": lease, "reason": "stopping"})

    for _ in range(settings.attempts_max):
        assert (await api.read(job))["status"] == "PENDING"
        await api.claim(job)
        await pass_time(database)
        await sweep(database, settings)

    assert (await api.read(job))["status"] == "FAILED"
    assert (await api.read(job))["logs"].endswith("given up after 3 attempts\n")
    numbers = [number for number, _, _ in await summary(api, job)]
    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert (await summary(api, job))[0] == (1, "w1", "released: stopping")


@pytest.mark.parametrize("steps", [["RUNNING", "FINISHED"], ["QUEUED", "RUNNING", "FINISHED"]])
async def test_a_backend_that_knows_no_leases_has_attempts_too(api: Api, steps: list[str]) -> None:
    [job, _] = (await api.start_run())["jobs"]

    for status in steps:
        await api.patch(job, {"status": status})

    assert await summary(api, job) == [(1, "user99", "reported FINISHED")]
    assert ((await api.read(job))["attempt"], (await api.read(job))["worker"]) == (1, "user99")


async def test_who_only_tells_the_end_has_made_one_attempt(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]

    await api.patch(job, {"status": "FAILED"}, by=api.alice)

    assert await summary(api, job) == [(1, "user1", "reported FAILED")]


async def test_a_canceled_attempt_says_by_whom(api: Api) -> None:
    run = await api.start_run()
    await api.claim(run["jobs"][0])

    await api.client.post(f"{run['url']}cancel/", headers=api.admin)

    assert await summary(api, run["jobs"][0]) == [(1, "w1", "canceled by user99")]
    assert await summary(api, run["jobs"][1]) == []


async def test_attempts_come_in_pages_and_narrowed(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]
    for _ in range(3):
        lease = (await api.claim(job))["lease"]["token"]
        await api.say(job, "release", {"lease": lease})

    address = f"{job}attempts/?fields=attempt&ordering=-id&limit=2"
    first = await api.client.get(address, headers=api.alice)
    second = await api.client.get(first.links["next"]["url"], headers=api.alice)

    assert first.json() == [{"attempt": 3}, {"attempt": 2}]
    assert second.json() == [{"attempt": 1}]
    assert "next" not in second.links


async def test_the_attempts_at_anothers_job_are_missing(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]

    for address, by in ((job, api.bob), (url("jobs", 999), api.admin)):
        answer = await api.client.get(f"{address}attempts/", headers=by)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})
    assert (await api.client.get(f"{job}attempts/", headers=api.worker)).status_code == 403


async def test_how_long_a_run_took_is_told_at_its_end(api: Api) -> None:
    run = await api.start_run(jobs=1)
    assert run["duration_seconds"] is None

    await api.patch(run["jobs"][0], {"status": "RUNNING"})
    assert (await api.read(run["url"]))["duration_seconds"] is None
    await api.patch(run["jobs"][0], {"status": "FINISHED"})

    ended, job = await api.read(run["url"]), await api.read(run["jobs"][0])
    assert ended["duration_seconds"] >= job["duration_seconds"] > 0
