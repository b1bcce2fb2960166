"""A token's last use over a real NATS: told by the service that believed it, shown to its owner."""

from pathlib import Path

import httpx
import pytest

from services.users.main import build
from services.users.settings import UsersSettings
from services.users.tests.conftest import PASSWORD, SECRET
from shared.messaging import token_use
from shared.testing.eventually import eventually
from shared.testing.peers import Peers
from shared.testing.processes import NatsServer

ACCOUNT = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD}


async def test_the_last_use_of_a_token_is_told_and_shown(
    tmp_path: Path, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_use, "TELL_SECONDS", 0.05)
    settings = UsersSettings(data_dir=tmp_path, nats_url=nats.url, api_secret_key=SECRET)
    app = build(settings, transport=Peers())
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://mlsploit.test") as client,
    ):
        token = (await client.post("/auth/registration/", json=ACCOUNT)).json()["token"]

        async def last_used() -> str | None:
            answer = await client.get("/auth/tokens/", headers={"Authorization": f"Token {token}"})
            [shown] = answer.json()
            return shown["last_used"]  # type: ignore[no-any-return]

        assert await last_used() is None
        assert await eventually(last_used)
