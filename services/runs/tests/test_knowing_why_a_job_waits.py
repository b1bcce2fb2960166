import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from services.runs.consumers import SUBSCRIPTIONS
from services.runs.models import Backend
from services.runs.settings import RunsSettings
from services.runs.testing import ADMIN, ALICE, Api, url
from shared.db import Database
from shared.events.users import UserDeleted
from shared.messaging.consumer import handle_once

HERE: dict[str, Any] = {"name": "w1", "modules": ["helloworld"], "jobs": 2}


async def say(
    api: Api, body: dict[str, Any] | None = None, *, by: dict[str, str] | None = None
) -> httpx.Response:
    answer = await api.client.post("/api/v1/backends/", json=body or HERE, headers=by or api.worker)
    assert answer.status_code == 200, answer.text
    return answer


async def reasons(api: Api, run: dict[str, Any]) -> list[str | None]:
    """In the list and in the detail, which must agree."""
    listed = await api.client.get("/api/v1/jobs/", headers=api.alice)
    found = {job["url"]: job["waiting_reason"] for job in listed.json()}
    assert [found[job] for job in run["jobs"]] == [
        (await api.read(job))["waiting_reason"] for job in run["jobs"]
    ]
    return [found[job] for job in run["jobs"]]


async def present(api: Api, *, by: dict[str, str] | None = None) -> list[dict[str, Any]]:
    answer = await api.client.get("/api/v1/backends/", headers=by or api.admin)
    assert answer.status_code == 200, answer.text
    backends: list[dict[str, Any]] = answer.json()
    return backends


async def pass_time(database: Database, **by: float) -> None:
    """As if every backend had said so long ago what it said last."""
    async with database.transaction() as session:
        for backend in (await session.scalars(select(Backend))).all():
            backend.seen_at -= timedelta(**by)
            backend.present_until -= timedelta(**by)


async def test_a_job_says_why_it_waits(api: Api) -> None:
    run = await api.start_run()
    first, second = run["jobs"]
    assert await reasons(api, run) == ["no_backend_for_module", "dependency"]

    await say(api)
    assert await reasons(api, run) == ["queued", "dependency"]

    lease = (await api.claim(first))["lease"]["token"]
    assert await reasons(api, run) == [None, "dependency"]
    await api.report(first, {"lease": lease, "status": "FINISHED"})
    assert await reasons(api, run) == [None, "queued"]
    await api.patch(second, {"status": "QUEUED"})
    assert await reasons(api, run) == [None, None]


@pytest.mark.parametrize("modules", [[], ["another"]])
async def test_a_backend_that_does_not_do_the_module_is_none(api: Api, modules: list[str]) -> None:
    run = await api.start_run(jobs=1)
    await say(api, {"name": "w2", "modules": modules})

    assert await reasons(api, run) == ["no_backend_for_module"]


async def test_a_backend_that_takes_leave_or_falls_silent_is_none(
    api: Api, database: Database
) -> None:
    run = await api.start_run(jobs=1)
    await say(api)
    await say(api, {**HERE, "modules": []})
    assert await reasons(api, run) == ["no_backend_for_module"]
    await say(api)
    assert await reasons(api, run) == ["queued"]

    await pass_time(database, minutes=1)

    assert await reasons(api, run) == ["no_backend_for_module"]
    assert await present(api) == []


async def test_a_backend_is_answered_with_how_long_it_counts(api: Api) -> None:
    answer = (await say(api, {"name": "w1", "modules": ["b", "a", "b"], "jobs": 4})).json()

    seen = answer.pop("seen")
    assert answer == {
        "id": answer["id"],
        "owner": url("users", ADMIN),
        "name": "w1",
        "modules": ["a", "b"],
        "jobs": 4,
        "seconds": 30,
    }
    again = (await say(api, HERE)).json()
    assert (again["id"], again["modules"]) == (answer["id"], ["helloworld"])
    assert again["seen"] > seen


async def test_a_form_says_the_same_as_json(api: Api) -> None:
    form: dict[str, str | list[str]] = {"name": "w1", "modules": ["a", "b"], "jobs": "3"}

    answer = await api.client.post("/api/v1/backends/", data=form, headers=api.worker)

    assert (answer.json()["modules"], answer.json()["jobs"]) == (["a", "b"], 3)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": "n" * 201}, "name"),
        ({**HERE, "modules": "a"}, "modules"),
        ({**HERE, "modules": [1, None]}, "modules"),
        ({**HERE, "modules": ["x"] * 1001}, "modules"),
        ({**HERE, "modules": ["x" * 101]}, "modules"),
        ({**HERE, "jobs": -1}, "jobs"),
    ],
)
async def test_what_is_wrong_with_it_is_told_by_field(
    api: Api, body: dict[str, Any], field: str
) -> None:
    answer = await api.client.post("/api/v1/backends/", json=body, headers=api.worker)

    assert (answer.status_code, list(answer.json())) == (400, [field])


async def test_ones_own_backend_does_ones_own_jobs_alone(api: Api) -> None:
    """It may claim no others, so nobody else is told that somebody is there for them."""
    run = await api.start_run(jobs=1)
    await say(api, by=api.bob)
    assert await reasons(api, run) == ["no_backend_for_module"]

    await say(api, by=api.alice)

    assert await reasons(api, run) == ["queued"]


async def test_names_are_unique_for_one_person_and_everybody_sees_their_own(api: Api) -> None:
    for by in (api.alice, api.bob, api.alice, api.worker):
        await say(api, by=by)

    owners = [backend["owner"] for backend in await present(api, by=api.alice)]

    assert owners == [url("users", ALICE)]
    assert len(await present(api)) == 3
    reader = api.signer.headers(ALICE, scopes="runs:read")
    assert (await api.client.get("/api/v1/backends/", headers=reader)).status_code == 403


async def test_saying_it_many_times_at_once_leaves_one(api: Api) -> None:
    await asyncio.gather(*(say(api) for _ in range(8)))

    assert [backend["name"] for backend in await present(api)] == ["w1"]


async def test_an_administrator_who_polls_for_jobs_counts_as_a_backend_for_all(
    api: Api, database: Database
) -> None:
    run = await api.start_run(jobs=1)

    polled = await api.client.get("/api/v1/jobs/?status=PENDING", headers=api.admin)

    assert [job["waiting_reason"] for job in polled.json()] == ["queued"]
    assert await reasons(api, run) == ["queued"]
    [backend] = await present(api)
    assert (backend["modules"], backend["jobs"]) == (None, None)
    await pass_time(database, minutes=1)
    assert await reasons(api, run) == ["no_backend_for_module"]


async def test_a_poll_is_written_down_seldom(
    api: Api, database: Database, settings: RunsSettings
) -> None:
    settings.backend_seconds = 3600

    async def poll() -> str:
        await api.client.get("/api/v1/jobs/?status=PENDING", headers=api.admin)
        [backend] = await present(api)
        return str(backend["seen"])

    first = await poll()

    assert await poll() == first
    await pass_time(database, seconds=1201)
    assert await poll() > first


async def test_who_only_looks_is_no_backend(api: Api) -> None:
    run = await api.start_run(jobs=1)
    narrowed = api.signer.headers(ADMIN, is_staff=True, scopes="runs:read")

    await api.client.get("/api/v1/jobs/?status=PENDING", headers=api.alice)
    await api.client.get("/api/v1/jobs/?status=RUNNING", headers=api.admin)
    await api.client.get("/api/v1/jobs/?status=PENDING", headers=narrowed)

    assert await reasons(api, run) == ["no_backend_for_module"]


async def test_backends_are_forgotten_after_a_day_and_with_their_owner(
    api: Api, database: Database
) -> None:
    async def names() -> list[str]:
        async with database.reading() as session:
            return list((await session.scalars(select(col(Backend.name)))).all())

    await say(api, {"name": "old"})
    await pass_time(database, hours=25)
    await say(api, {"name": "new"}, by=api.alice)
    assert await names() == ["new"]

    await handle_once(database, SUBSCRIPTIONS[0], "e1", UserDeleted(user_id=ALICE))

    assert await names() == []
