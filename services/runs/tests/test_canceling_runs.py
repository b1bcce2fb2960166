import asyncio
from typing import Any

import httpx
import pytest

from services.runs.testing import Api, Neighbours, url
from shared.hyperlinks import id_of
from shared.testing.fixtures import Published


async def ask_to_cancel(
    api: Api, run: dict[str, Any], *, by: dict[str, str] | None = None
) -> httpx.Response:
    return await api.client.post(f"{run['url']}cancel/", headers=by or api.alice)


async def states(api: Api, run: dict[str, Any]) -> list[str]:
    return [(await api.read(job))["status"] for job in run["jobs"]]


async def test_canceling_ends_what_is_unfinished_and_keeps_what_is_finished(
    api: Api, published: Published
) -> None:
    run = await api.start_run(jobs=3)
    await api.patch(run["jobs"][0], {"status": "FINISHED", "output": "1"})
    await api.claim(run["jobs"][1])
    told_before = len(await published())

    answer = await ask_to_cancel(api, run)

    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["url"]) == ("CANCELED", run["url"])
    assert answer.json()["finished"] > answer.json()["started"]
    assert await states(api, run) == ["FINISHED", "CANCELED", "CANCELED"]
    assert (await api.read(run["jobs"][0]))["output"] == "1"
    assert (await api.read(run["jobs"][1]))["logs"] == "mlsploit: canceled by user1\n"
    assert (await api.read(run["jobs"][2]))["logs"] is None
    told = [
        (subject.removeprefix("mlsploit.events.runs."), data["status"], data.get("job_id"))
        for subject, data in (await published())[told_before:]
    ]
    assert told == [
        ("job.status_changed", "CANCELED", id_of(run["jobs"][1])),
        ("job.status_changed", "CANCELED", id_of(run["jobs"][2])),
        ("run.status_changed", "CANCELED", None),
    ]


async def test_canceling_twice_changes_nothing_more(api: Api, published: Published) -> None:
    run = await api.start_run()
    first = await ask_to_cancel(api, run)
    told = len(await published())

    second = await ask_to_cancel(api, run)

    assert (second.status_code, second.json()) == (200, first.json())
    assert len(await published()) == told


@pytest.mark.parametrize("end", ["FINISHED", "FAILED"])
async def test_a_run_that_ended_by_itself_is_not_canceled_afterwards(api: Api, end: str) -> None:
    run = await api.start_run(jobs=1)
    await api.patch(run["jobs"][0], {"status": end})

    answer = await ask_to_cancel(api, run)

    assert answer.status_code == 409
    assert answer.json() == {"detail": f"The run is {end}; it stays that way."}
    assert (await api.read(run["url"]))["status"] == end


async def test_the_lease_of_a_canceled_job_is_stale_for_everything(
    api: Api, neighbours: Neighbours
) -> None:
    run = await api.start_run(jobs=1)
    [job] = run["jobs"]
    lease = (await api.claim(job))["lease"]["token"]
    await ask_to_cancel(api, run)
    before = await api.read(job)
    made = url("files", neighbours.add_file("o.txt", kind="OUTPUT"))
    bodies: dict[str, dict[str, Any]] = {
        "heartbeat": {},
        "logs": {"offset": 0, "text": "x"},
        "release": {"reason": "x"},
    }

    for what, body in bodies.items():
        answer = await api.say(job, what, {"lease": lease, **body})
        assert answer.status_code == 409, what
    for report in ({"status": "FINISHED"}, {"output": "1"}, {"output_files": [made]}, {}):
        answer = await api.report(job, {"lease": lease, **report})
        assert answer.status_code == 409, report

    assert await api.read(job) == before


async def test_a_canceled_job_cannot_be_claimed_and_is_not_announced_again(
    api: Api, published: Published
) -> None:
    run = await api.start_run()
    await ask_to_cancel(api, run)

    assert (await api.ask_for_claim(run["jobs"][0])).status_code == 409
    assert (await api.patch(run["jobs"][0], {"status": "RUNNING"})).status_code == 409
    offers = [subject for subject, _ in await published() if subject.startswith("mlsploit.jobs")]
    assert len(offers) == 1


async def test_a_backend_of_old_still_sends_the_last_lines_of_a_canceled_job(api: Api) -> None:
    run = await api.start_run(jobs=1)
    [job] = run["jobs"]
    await api.patch(job, {"status": "RUNNING", "logs": "one\n"})
    await ask_to_cancel(api, run)

    said = await api.patch(job, {"logs": "one\nlast\n"})
    ended = await api.patch(job, {"status": "FINISHED"})

    assert (said.status_code, ended.status_code) == (200, 409)
    assert (await api.read(job))["status"] == "CANCELED"


async def test_only_the_owner_and_administrators_cancel_a_run(api: Api) -> None:
    run, another = await api.start_run(), await api.start_run()

    assert (await ask_to_cancel(api, run, by=api.bob)).status_code == 404
    assert (await ask_to_cancel(api, run, by=api.worker)).status_code == 403
    assert (await ask_to_cancel(api, {"url": url("runs", 999)})).status_code == 404
    assert (await api.read(run["url"]))["status"] == "PENDING"
    assert (await ask_to_cancel(api, run, by=api.admin)).status_code == 200
    assert (await api.read(another["url"]))["status"] == "PENDING"


async def test_canceling_and_finishing_at_once_have_one_winner(api: Api) -> None:
    run = await api.start_run(jobs=1)
    [job] = run["jobs"]
    lease = (await api.claim(job))["lease"]["token"]

    canceled, reported, claimed = await asyncio.gather(
        ask_to_cancel(api, run),
        api.report(job, {"lease": lease, "status": "FINISHED", "output": "1"}),
        api.ask_for_claim(job),
    )

    assert sorted((canceled.status_code, reported.status_code)) == [200, 409]
    assert claimed.status_code == 409
    status = (await api.read(run["url"]))["status"]
    assert status == ("CANCELED" if canceled.status_code == 200 else "FINISHED")
