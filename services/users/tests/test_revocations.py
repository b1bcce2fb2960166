"""Revocations over a real NATS: heard by others, and told again when NATS has forgotten."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from services.users.main import build
from services.users.settings import UsersSettings
from shared.events.streams import REVOCATIONS_BUCKET
from shared.messaging.broker import Broker
from shared.testing.eventually import eventually
from shared.testing.peers import Peers
from shared.testing.processes import NatsServer

ACCOUNT = {"username": "ada", "password1": "correct horse", "password2": "correct horse"}


@asynccontextmanager
async def _running(folder: Path, nats: NatsServer) -> AsyncIterator[httpx.AsyncClient]:
    settings = UsersSettings(data_dir=folder, nats_url=nats.url, api_secret_key="s" * 30)
    app: FastAPI = build(settings, transport=Peers())
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://mlsploit.test") as client,
    ):
        yield client


async def _log_out_somebody(client: httpx.AsyncClient) -> None:
    token = (await client.post("/auth/registration/", json=ACCOUNT)).json()["token"]
    await client.post("/auth/logout/", headers={"Authorization": f"Token {token}"})


async def _keys_in_bucket(nats: NatsServer) -> list[str]:
    broker = Broker(nats.url, "test")
    await broker.connect()

    async def stored() -> list[str]:
        store = await broker.jetstream.key_value(REVOCATIONS_BUCKET)
        return [*await store.keys()] if (await store.status()).values else []

    try:
        return await eventually(stored)
    finally:
        await broker.close()


async def test_a_lost_bucket_is_filled_again_at_the_next_start(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with _running(tmp_path, nats) as client:
        await _log_out_somebody(client)
        before = await _keys_in_bucket(nats)
    await nats.kill()
    nats.wipe()
    await nats.start()

    async with _running(tmp_path, nats):
        after = await _keys_in_bucket(nats)

    assert before == after
    assert before[0].startswith("token.")
