"""Counts that no machine changes: SQL statements, calls to other services, messages on NATS."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from services.modules.models import Module
from shared.db import Database
from shared.testing.counting import counting
from shared.testing.peers import Peers
from shared.testing.tokens import Signer

MODULES, FUNCTIONS = "/api/v1/modules/", "/api/v1/functions/"


@pytest.mark.parametrize(
    ("address", "statements"),
    [
        # Modules and their functions.
        (MODULES, 2),
        (f"{MODULES}1/", 2),
        # What a new run, and a task, ask.
        (f"{FUNCTIONS}?id=1", 1),
        (FUNCTIONS, 1),
        (f"{FUNCTIONS}1/", 1),
    ],
)
async def test_reading_takes_a_statement_for_each_kind_of_thing(
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    peers: Peers,
    commit: Callable[..., str],
    register: Callable[..., Awaitable[Module]],
    address: str,
    statements: int,
) -> None:
    commit()
    for name in ("edge", "blur"):
        await register(name)
    await client.get(address, headers=signer.headers())

    async with counting(database, peers) as counts:
        answer = await client.get(address, headers=signer.headers())

    assert answer.status_code == 200
    assert counts.all == (statements, 0, 0)


async def test_asking_for_functions_that_stay_asks_the_database_nothing(
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    peers: Peers,
    commit: Callable[..., str],
    register: Callable[..., Awaitable[Module]],
) -> None:
    """So a run whose functions are known costs this service a 304."""
    commit()
    await register()
    address, headers = f"{FUNCTIONS}?id=1", signer.headers()
    tag = (await client.get(address, headers=headers)).headers["etag"]

    async with counting(database, peers) as counts:
        again = await client.get(address, headers=headers | {"If-None-Match": tag})

    assert again.status_code == 304
    assert counts.all == (0, 0, 0)
