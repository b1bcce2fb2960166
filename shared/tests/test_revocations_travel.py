import time
from pathlib import Path

import httpx
import orjson
import pytest
from fastapi import FastAPI

from shared.db import Database
from shared.events.streams import REVOCATIONS_PREFIX
from shared.messaging.outbox import enqueue
from shared.testing.eventually import eventually
from shared.testing.peers import Peers
from shared.testing.processes import NatsServer
from shared.testing.tokens import Signer
from shared.tests.ledger import ledger

LONG = 30.0


async def revoke(database: Database, key: str, moment: float) -> None:
    """As the users service does it: through its outbox."""
    async with database.transaction() as session:
        await enqueue(session, f"{REVOCATIONS_PREFIX}{key}", orjson.dumps(moment))


async def status_for(app: FastAPI, token: str) -> int:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        headers = {"Authorization": f"Token {token}"}
        return (await client.get("/api/v1/ledgers/", headers=headers)).status_code


@pytest.mark.parametrize("what", ["token", "user"])
async def test_what_one_service_revokes_another_no_longer_believes(
    tmp_path: Path, nats: NatsServer, signer: Signer, peers: Peers, what: str
) -> None:
    revoked = signer.token(7, jti="leaked")
    other = signer.token(8)
    async with (
        ledger(tmp_path / "a", "accounts", nats.url) as accounts,
        ledger(tmp_path / "b", "reader", nats.url, transport=peers) as reader,
    ):
        assert await status_for(reader, revoked) == 200

        if what == "token":
            await revoke(accounts.state.database, "token.leaked", time.time() + 3600)
        else:
            await revoke(accounts.state.database, "user.7", time.time())

        async def is_refused() -> bool:
            return await status_for(reader, revoked) == 401

        await eventually(is_refused)
        assert await status_for(reader, other) == 200
        # A user who logs in again is believed again.
        assert await status_for(reader, signer.token(7)) == 200


async def test_a_service_that_starts_later_learns_what_was_revoked_before(
    tmp_path: Path, nats: NatsServer, signer: Signer, peers: Peers
) -> None:
    revoked = signer.token(7, jti="leaked")
    async with ledger(tmp_path / "a", "accounts", nats.url) as accounts:
        await revoke(accounts.state.database, "token.leaked", time.time() + 3600)
        async with ledger(tmp_path / "b", "reader", nats.url, transport=peers) as reader:

            async def is_refused() -> bool:
                return await status_for(reader, revoked) == 401

            await eventually(is_refused)


async def test_a_revocation_reaches_a_service_after_nats_was_killed(
    tmp_path: Path, nats: NatsServer, signer: Signer, peers: Peers
) -> None:
    revoked = signer.token(7, jti="leaked")
    async with (
        ledger(tmp_path / "a", "accounts", nats.url) as accounts,
        ledger(tmp_path / "b", "reader", nats.url, transport=peers) as reader,
    ):
        assert await status_for(reader, revoked) == 200
        await nats.kill()
        await revoke(accounts.state.database, "token.leaked", time.time() + 3600)
        await nats.start()

        async def is_refused() -> bool:
            return await status_for(reader, revoked) == 401

        await eventually(is_refused, within=LONG)
