"""What the kernel does for every list and every POST, on this service's own."""

import pytest

from services.runs.logs import excerpt
from services.runs.testing import Api, url
from shared import paging

RUNS, JOBS = "/api/v1/runs/", "/api/v1/jobs/"


async def test_runs_and_jobs_go_in_pages_with_what_belongs_to_them(api: Api) -> None:
    runs = [await api.start_run(jobs=2, files=2) for _ in range(3)]

    first = await api.client.get(f"{RUNS}?limit=2&ordering=-date_created", headers=api.alice)
    rest = await api.client.get(first.links["next"]["url"], headers=api.alice)
    assert first.json() + rest.json() == runs[::-1]

    await api.patch(runs[0]["jobs"][0], {"status": "RUNNING", "logs": "one\n"})
    jobs = await api.client.get(f"{JOBS}?limit=4", headers=api.alice)
    last = await api.client.get(jobs.links["next"]["url"], headers=api.alice)
    assert [job["url"] for job in jobs.json() + last.json()] == [
        job for run in runs for job in run["jobs"]
    ]
    assert jobs.json()[0]["logs"] == "one\n"


async def test_long_lists_are_the_same_when_they_are_made_in_parts(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        run = await api.start_run(jobs=2, files=2)
        report = {"status": "RUNNING", "logs": "a line of a log\n" * (number + 1) * 20}
        await api.patch(run["jobs"][0], report)
    # Not room enough for all the logs of one answer, and one answer it is.
    monkeypatch.setattr(excerpt, "LOGS_BYTES_MAX", 1200)
    addresses = [RUNS, JOBS, f"{JOBS}?ordering=-date_created", f"{JOBS}?fields=id,status"]
    whole = [await api.client.get(one, headers=api.alice) for one in addresses]
    monkeypatch.setattr(paging, "LIMIT_MAX", 2)
    parts = [await api.client.get(one, headers=api.alice) for one in addresses]

    assert [answer.content for answer in parts] == [answer.content for answer in whole]
    logs = "".join(job["logs"] or "" for job in parts[1].json())
    assert logs.count("are left out here") == 2


async def test_a_run_sent_again_is_started_once(api: Api) -> None:
    function_id = api.neighbours.add_function()
    pipeline_id = api.neighbours.add_pipeline((function_id, {}))
    file_id = api.neighbours.add_file("a.txt")
    body = {"pipeline": url("pipelines", pipeline_id), "files": [url("files", file_id)]}
    headers = {**api.alice, "Idempotency-Key": "k"}

    first, again = [await api.client.post(RUNS, json=body, headers=headers) for _ in range(2)]
    other = await api.client.post(RUNS, json={**body, "files": []}, headers=headers)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert len((await api.client.get(RUNS, headers=api.alice)).json()) == 1


async def test_polling_jobs_costs_little_until_one_changes(api: Api) -> None:
    run = await api.start_run()
    tag = (await api.client.get(JOBS, headers=api.admin)).headers["etag"]
    polling = {**api.admin, "If-None-Match": tag}

    assert (await api.client.get(JOBS, headers=polling)).status_code == 304
    await api.patch(run["jobs"][0], {"status": "RUNNING"})
    assert (await api.client.get(JOBS, headers=polling)).status_code == 200
