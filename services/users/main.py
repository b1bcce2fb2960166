"""The composition root: `uvicorn --factory services.users.main:build`. Importing has no effects."""

from pathlib import Path

import httpx
from fastapi import FastAPI

from services.users.keys import KeyRing
from services.users.login.failures import LoginLimits
from services.users.revocations import restore_revocations
from services.users.routes import authentication, internal, passwords, tokens, users
from services.users.settings import UsersSettings
from services.users.usage import hear_used_tokens
from shared.app import Service, create_app


def describe(settings: UsersSettings) -> Service:
    return Service(
        name="users",
        title="MLsploit users",
        settings=settings,
        routers=(
            authentication.router,
            passwords.router,
            tokens.router,
            users.router,
            internal.router,
        ),
        migrations=Path(__file__).parent / "migrations",
        keys=KeyRing(settings.api_secret_key, settings.other_secrets()),
        background=(restore_revocations, hear_used_tokens),
    )


def build(
    settings: UsersSettings | None = None,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    settings = settings or UsersSettings.load()
    app = create_app(describe(settings), transport=transport)
    app.state.login_limits = LoginLimits(
        per_account=settings.login_failures_per_account_max,
        per_address=settings.login_failures_per_address_max,
        minutes=settings.login_failures_minutes,
    )
    return app
