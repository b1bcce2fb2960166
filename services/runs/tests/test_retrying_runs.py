import asyncio
from typing import Any

import httpx
import pytest

from services.runs.consumers import SUBSCRIPTIONS
from services.runs.settings import RunsSettings
from services.runs.sweeper import sweep
from services.runs.testing import ALICE, Api, Neighbours, offers, pass_time, url
from shared.db import Database
from shared.events.files import FileDeleted
from shared.hyperlinks import id_of
from shared.messaging.consumer import handle_once
from shared.testing.fixtures import Published

ON_FILE_DELETED = next(one for one in SUBSCRIPTIONS if one.event is FileDeleted)


async def ask_to_retry(
    api: Api, run: dict[str, Any], *, by: dict[str, str] | None = None, key: str = ""
) -> httpx.Response:
    headers = (by or api.alice) | ({"Idempotency-Key": key} if key else {})
    return await api.client.post(f"{run['url']}retry/", headers=headers)


async def retry(api: Api, run: dict[str, Any]) -> dict[str, Any]:
    answer = await ask_to_retry(api, run)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def states(api: Api, run: dict[str, Any]) -> list[str]:
    return [(await api.read(job))["status"] for job in run["jobs"]]


async def attempts(api: Api, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        await api.client.get(f"{job}attempts/", headers=api.alice)
    ).json()
    return found


async def fail_second(api: Api, neighbours: Neighbours) -> tuple[dict[str, Any], str, str]:
    """A run of three: the first job has made a file, the second has failed and left one."""
    run = await api.start_run(jobs=3)
    good, bad = (url("files", neighbours.add_file(n, kind="OUTPUT")) for n in ("good", "bad"))
    first, second, _ = run["jobs"]
    for job, status, made in ((first, "FINISHED", good), (second, "FAILED", bad)):
        lease = (await api.claim(job))["lease"]["token"]
        await api.say(job, "logs", {"lease": lease, "offset": 0, "text": f"{status}\n"})
        report = {"lease": lease, "status": status, "output": "1", "output_files": [made]}
        assert (await api.report(job, report)).status_code == 200
    return run, good, bad


async def test_only_what_is_unfinished_runs_again(
    api: Api, neighbours: Neighbours, published: Published
) -> None:
    run, good, _ = await fail_second(api, neighbours)
    first, second, third = run["jobs"]
    before = await api.read(first)
    told_before = len(await published())

    shown = await retry(api, run)

    assert (shown["status"], shown["finished"], shown["duration_seconds"]) == (
        "RUNNING",
        None,
        None,
    )
    assert await states(api, run) == ["FINISHED", "PENDING", "PENDING"]
    assert await api.read(first) == before
    again = await api.read(second)
    names = ("output", "output_files", "started", "finished", "duration_seconds", "worker")
    assert [again[name] for name in names] == [None, [], None, None, None, ""]
    told = [
        (subject.removeprefix("mlsploit."), data.get("status"), data.get("attempt"))
        for subject, data in (await published())[told_before:]
    ]
    assert told == [
        ("events.runs.job.status_changed", "PENDING", 1),
        ("events.runs.run.status_changed", "RUNNING", None),
        ("jobs.helloworld", None, 2),
    ]
    assert (await api.ask_for_claim(third)).status_code == 409
    claim = await api.claim(second)
    assert claim["lease"]["attempt"] == 2
    assert [file["url"] for file in claim["files"]] == [good]


async def test_a_retried_run_comes_to_its_end(api: Api, neighbours: Neighbours) -> None:
    run, _, _ = await fail_second(api, neighbours)
    await retry(api, run)

    for job in run["jobs"][1:]:
        lease = (await api.claim(job))["lease"]["token"]
        answer = await api.report(job, {"lease": lease, "status": "FINISHED"})
        assert answer.status_code == 200

    shown = await api.read(run["url"])
    assert (shown["status"], shown["finished"] is None) == ("FINISHED", False)
    assert (await ask_to_retry(api, run)).status_code == 409


async def test_a_canceled_run_goes_on_from_its_first_unfinished_job(
    api: Api, published: Published
) -> None:
    run = await api.start_run(jobs=3)
    await api.patch(run["jobs"][0], {"status": "FINISHED"})
    await api.client.post(f"{run['url']}cancel/", headers=api.alice)

    await retry(api, run)

    assert await states(api, run) == ["FINISHED", "PENDING", "PENDING"]
    assert await offers(published) == [1, 1, 1]
    assert (await api.read(run["jobs"][1]))["logs"] is None
    assert (await api.ask_for_claim(run["jobs"][2])).status_code == 409
    assert (await api.ask_for_claim(run["jobs"][1])).status_code == 200


async def test_the_log_goes_on_and_says_that_a_retry_began(
    api: Api, neighbours: Neighbours
) -> None:
    run, _, _ = await fail_second(api, neighbours)
    job = run["jobs"][1]

    await retry(api, run)

    log = "FAILED\nmlsploit: retried by user1; attempt 2 follows\n"
    claim = await api.claim(job)
    assert claim["job"]["logs"] == log
    chunk = {"lease": claim["lease"]["token"], "offset": len(log), "text": "more\n"}
    answer = await api.say(job, "logs", chunk)
    assert (answer.status_code, answer.json()["offset"]) == (200, len(log) + 5)
    assert (await api.read(job))["logs"] == f"{log}more\n"


async def test_earlier_attempts_stay_readable_with_what_they_left(
    api: Api, neighbours: Neighbours
) -> None:
    run, _, bad = await fail_second(api, neighbours)
    job = run["jobs"][1]
    [before] = await attempts(api, job)

    await retry(api, run)
    await api.claim(job)

    first, second = await attempts(api, job)
    assert first == before
    assert (first["reason"], first["output"], first["output_files"]) == (
        "reported FAILED",
        "1",
        [bad],
    )
    assert (second["attempt"], second["output"], second["output_files"]) == (2, None, [])


async def test_what_an_earlier_attempt_left_goes_with_the_run(
    api: Api, neighbours: Neighbours, published: Published
) -> None:
    run, good, bad = await fail_second(api, neighbours)
    await retry(api, run)

    await api.client.delete(run["url"], headers=api.alice)

    _, deleted = (await published())[-1]
    assert deleted["output_file_ids"] == [id_of(good), id_of(bad)]


async def test_a_file_that_is_gone_belongs_to_no_attempt(
    api: Api, neighbours: Neighbours, database: Database
) -> None:
    run, _, bad = await fail_second(api, neighbours)
    await retry(api, run)

    event = FileDeleted(file_id=id_of(bad), owner_id=ALICE)
    await handle_once(database, ON_FILE_DELETED, "e1", event)

    [left] = await attempts(api, run["jobs"][1])
    assert left["output_files"] == []


async def test_the_limit_of_attempts_counts_anew(
    api: Api, database: Database, settings: RunsSettings, published: Published
) -> None:
    run = await api.start_run(jobs=1)
    [job] = run["jobs"]

    for _ in range(2):
        for _ in range(settings.attempts_max):
            await api.claim(job)
            await pass_time(database)
            await sweep(database, settings)
        assert (await api.read(job))["status"] == "FAILED"
        await retry(api, run)

    assert await offers(published) == [1, 2, 3, 4, 5, 6, 7]
    assert (await api.read(job))["logs"].count("given up after 3 attempts") == 2


async def test_the_lease_of_before_the_retry_is_stale(api: Api) -> None:
    run = await api.start_run(jobs=1)
    [job] = run["jobs"]
    lease = (await api.claim(job))["lease"]["token"]
    await api.report(job, {"lease": lease, "status": "FAILED"})
    await retry(api, run)

    answer = await api.report(job, {"lease": lease, "status": "FAILED"})

    assert answer.status_code == 409
    assert (await api.read(job))["status"] == "PENDING"


@pytest.mark.parametrize("status", ["PENDING", "RUNNING", "FINISHED"])
async def test_what_did_not_fail_is_not_retried(api: Api, status: str) -> None:
    run = await api.start_run(jobs=1)
    await api.patch(run["jobs"][0], {"status": status})

    answer = await ask_to_retry(api, run)

    assert answer.status_code == 409
    assert answer.json() == {
        "detail": f"The run is {status}; only one that FAILED or was CANCELED is retried."
    }


async def test_a_run_whose_input_is_gone_is_not_retried(api: Api, neighbours: Neighbours) -> None:
    run = await api.start_run(jobs=1)
    await api.patch(run["jobs"][0], {"status": "FAILED"})
    file_id = id_of(run["files"][0])
    del neighbours.files[file_id]

    answer = await ask_to_retry(api, run)

    assert (answer.status_code, answer.json()) == (
        409,
        {"detail": f"Input files are gone: {file_id}."},
    )
    assert await states(api, run) == ["FAILED"]


async def test_a_retry_that_is_sent_again_is_answered_again(api: Api, published: Published) -> None:
    run = await api.start_run(jobs=1)
    await api.patch(run["jobs"][0], {"status": "FAILED"})

    first = await ask_to_retry(api, run, key="k1")
    second = await ask_to_retry(api, run, key="k1")

    assert (first.status_code, second.status_code) == (200, 200)
    assert second.headers["idempotency-replayed"] == "true"
    assert await offers(published) == [1, 2]


async def test_of_retries_at_once_one_is_made(api: Api, published: Published) -> None:
    run = await api.start_run(jobs=1)
    await api.patch(run["jobs"][0], {"status": "FAILED"})

    answers = await asyncio.gather(*(ask_to_retry(api, run) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert await offers(published) == [1, 2]


async def test_only_the_owner_and_administrators_retry_a_run(api: Api) -> None:
    run = await api.start_run(jobs=1)
    await api.patch(run["jobs"][0], {"status": "FAILED"})

    assert (await ask_to_retry(api, run, by=api.bob)).status_code == 404
    assert (await ask_to_retry(api, run, by=api.worker)).status_code == 403
    assert (await ask_to_retry(api, {"url": url("runs", 999)})).status_code == 404
    assert await states(api, run) == ["FAILED"]
    assert (await ask_to_retry(api, run, by=api.admin)).status_code == 200


async def test_canceling_and_retrying_again_and_again_loses_no_result_of_an_attempt(
    api: Api, neighbours: Neighbours
) -> None:
    run = await api.start_run(jobs=1)
    [job] = run["jobs"]
    made = url("files", neighbours.add_file("o.txt", kind="OUTPUT"))
    await api.patch(job, {"status": "RUNNING", "output": "1", "output_files": [made]})

    for _ in range(3):
        await api.client.post(f"{run['url']}cancel/", headers=api.alice)
        await retry(api, run)
        await api.patch(job, {"output_files": [made]})

    [only] = await attempts(api, job)
    assert (only["output"], only["output_files"]) == ("1", [made])
