"""Counts that no machine changes: SQL statements, calls to other services, messages on NATS."""

import httpx
import pytest

from services.users.tests.conftest import PASSWORD, Register
from shared.db import Database
from shared.testing.counting import counting
from shared.testing.peers import Peers


@pytest.mark.parametrize(
    ("address", "costs"),
    [
        # Files and pipelines are asked once each for what belongs to whom.
        ("/api/v1/users/", (1, 2, 0)),
        ("/api/v1/users/?fields=id,username", (1, 0, 0)),
        ("/auth/user/", (1, 2, 0)),
        ("/auth/tokens/", (1, 0, 0)),
    ],
)
async def test_reading_takes_one_statement(
    client: httpx.AsyncClient,
    database: Database,
    peers: Peers,
    register: Register,
    address: str,
    costs: tuple[int, int, int],
) -> None:
    ada = await register("ada")
    await register("bob")
    await client.get(address, headers=ada)

    async with counting(database, peers) as counts:
        answer = await client.get(address, headers=ada)

    assert answer.status_code == 200
    assert counts.all == costs


async def test_a_login_takes_four_statements(
    client: httpx.AsyncClient, database: Database, peers: Peers, register: Register
) -> None:
    await register("ada")
    body = {"username": "ada", "password": PASSWORD}

    async with counting(database, peers) as counts:
        assert (await client.post("/auth/login/", json=body)).status_code == 200

    # The failures there were, and the user; these failures forgotten; the token.
    assert counts.all == (4, 0, 0)
