"""Counts that no machine changes: SQL statements, calls to other services, messages on NATS."""

import httpx
import pytest

from services.pipelines.tests.conftest import PIPELINES, PLAIN, TASKS, AddPipeline, AddTask
from shared.db import Database
from shared.testing.counting import counting
from shared.testing.peers import Peers
from shared.testing.plans import scans
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
