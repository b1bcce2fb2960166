"""What the kernel does for every list and every POST, on this service's own."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from services.pipelines.tests.conftest import RUNS_URL, run_row
from shared import paging
from shared.testing.peers import Peers
from shared.testing.tokens import Signer

PIPELINES = "/api/v1/pipelines/"
TASKS = "/api/v1/tasks/"
AddPipeline = Callable[..., Awaitable[dict[str, Any]]]
AddTask = Callable[..., Awaitable[dict[str, Any]]]


async def test_pipelines_go_in_pages_with_their_own_tasks(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline, add_task: AddTask
) -> None:
    for name in ("a", "b", "c"):
        await add_task(await add_pipeline(name=name))

    first = await client.get(f"{PIPELINES}?limit=2&ordering=-id", headers=signer.headers())
    rest = await client.get(first.links["next"]["url"], headers=signer.headers())

    assert [one["name"] for one in first.json() + rest.json()] == ["c", "b", "a"]
    assert [len(one["tasks"]) for one in first.json() + rest.json()] == [1, 1, 1]


async def test_tasks_go_in_pages_in_the_order_of_the_contract(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline, add_task: AddTask
) -> None:
    first, second = await add_pipeline(), await add_pipeline()
    for pipeline in (first, first, second, second):
        await add_task(pipeline)
    whole = (await client.get(TASKS, headers=signer.headers())).json()

    paged, address = [], f"{TASKS}?limit=1"
    while address:
        answer = await client.get(address, headers=signer.headers())
        paged += answer.json()
        address = answer.links.get("next", {}).get("url", "")

    assert paged == whole
    assert [task["order"] for task in whole] == [1, 1, 2, 2]


async def test_long_lists_are_the_same_when_they_are_made_in_parts(
    client: httpx.AsyncClient,
    signer: Signer,
    peers: Peers,
    add_pipeline: AddPipeline,
    add_task: AddTask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("a", "b", "c"):
        pipeline = await add_pipeline(name=name)
        await add_task(pipeline)
        await add_task(pipeline)
    peers.answer("GET", RUNS_URL, json=[run_row(7, pipeline), run_row(8, pipeline)])
    addresses = [PIPELINES, f"{PIPELINES}?ordering=-id&fields=tasks", TASKS]
    whole = [await client.get(one, headers=signer.headers()) for one in addresses]
    monkeypatch.setattr(paging, "LIMIT_MAX", 2)
    parts = [await client.get(one, headers=signer.headers()) for one in addresses]

    assert [answer.content for answer in parts] == [answer.content for answer in whole]
    assert len(parts[0].json()[2]["runs"]) == 2
    assert [task["order"] for task in parts[2].json()] == [1, 1, 1, 2, 2, 2]


async def test_a_pipeline_and_a_task_sent_again_are_made_once(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    headers = {**signer.headers(), "Idempotency-Key": "k"}
    made = [await client.post(PIPELINES, json={"name": "p"}, headers=headers) for _ in range(2)]
    task = {"pipeline": made[0].json()["url"], "function": "/api/v1/functions/1/"}
    added = [await client.post(TASKS, data=task, headers=headers) for _ in range(2)]

    assert made[0].json() == made[1].json()
    assert added[0].json() == added[1].json()
    [pipeline] = (await client.get(PIPELINES, headers=signer.headers())).json()
    assert len(pipeline["tasks"]) == 1


async def test_a_pipeline_that_was_changed_meanwhile_is_not_changed(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    url = (await add_pipeline())["url"]
    tag = (await client.get(url, headers=signer.headers())).headers["etag"]
    headers = {**signer.headers(), "If-Match": tag}

    assert (await client.patch(url, json={"enabled": True}, headers=headers)).status_code == 200
    assert (await client.put(url, json={"name": "q"}, headers=headers)).status_code == 412
