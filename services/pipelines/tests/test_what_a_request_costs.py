"""Counts that no machine changes: SQL statements, calls to other services, messages on NATS."""

import httpx
import pytest

from services.pipelines.tests.conftest import PIPELINES, PLAIN, TASKS, AddPipeline, AddTask
from shared.db import Database
from shared.testing.counting import counting
from shared.testing.peers import Peers
from shared.testing.plans import scans, sorts
from shared.testing.tokens import Signer


@pytest.mark.parametrize(
    ("address", "costs"),
    [
        # Pipelines and their tasks; runs is asked once for all of them.
        (PIPELINES, (2, 1, 0)),
        (f"{PIPELINES}?limit=2", (2, 1, 0)),
        (f"{PIPELINES}?fields=id,name", (1, 0, 0)),
        (f"{PIPELINES}1/", (2, 1, 0)),
        # What a new run asks.
        (f"{PIPELINES}1/?fields=id,name,enabled,tasks", (2, 0, 0)),
        (TASKS, (1, 0, 0)),
        (f"{TASKS}1/", (1, 0, 0)),
    ],
)
async def test_reading_takes_a_few_statements_and_no_scan(
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    peers: Peers,
    add_pipeline: AddPipeline,
    add_task: AddTask,
    address: str,
    costs: tuple[int, int, int],
) -> None:
    for number in range(3):
        await add_task(await add_pipeline(name=f"p{number}"), PLAIN)

    async with counting(database, peers) as counts:
        answer = await client.get(address, headers=signer.headers())

    assert answer.status_code == 200
    assert counts.all == costs
    assert await scans(database, counts) == []


@pytest.mark.parametrize("is_staff", [False, True])
async def test_a_page_sorts_nothing_wherever_it_is(
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    peers: Peers,
    add_pipeline: AddPipeline,
    is_staff: bool,
) -> None:
    for number in range(3):
        await add_pipeline(name=f"p{number}")
    headers = signer.headers(is_staff=is_staff)

    async with counting(database, peers) as counts:
        for ordering in ("-id", "date_created", "-date_created"):
            address = f"{PIPELINES}?limit=2&fields=id&ordering={ordering}"
            first = await client.get(address, headers=headers)
            second = await client.get(first.links["next"]["url"], headers=headers)
            assert second.json()

    assert await sorts(database, counts) == []


async def test_a_run_that_asks_for_a_pipeline_again_costs_no_statement_until_it_changes(
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    peers: Peers,
    add_pipeline: AddPipeline,
) -> None:
    pipeline = await add_pipeline()
    address, headers = f"{pipeline['url']}?fields=id,name,enabled,tasks", signer.headers()
    tag = (await client.get(address, headers=headers)).headers["etag"]

    async with counting(database, peers) as counts:
        again = await client.get(address, headers=headers | {"If-None-Match": tag})
    await client.patch(pipeline["url"], json={"enabled": True}, headers=headers)
    changed = await client.get(address, headers=headers | {"If-None-Match": tag})

    assert (again.status_code, counts.all) == (304, (0, 0, 0))
    assert (changed.status_code, changed.json()["enabled"]) == (200, True)
