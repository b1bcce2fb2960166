"""The composition root, `services.pipelines.main:build`. Importing has no effects."""

from pathlib import Path

import httpx
from fastapi import FastAPI

from services.pipelines.consumers import SUBSCRIPTIONS
from services.pipelines.routes import pipelines, tasks
from services.pipelines.settings import PipelinesSettings
from shared.app import Service, create_app


def describe(settings: PipelinesSettings) -> Service:
    return Service(
        name="pipelines",
        title="MLsploit pipelines",
        settings=settings,
        routers=(pipelines.router, tasks.router),
        migrations=Path(__file__).parent / "migrations",
        subscriptions=SUBSCRIPTIONS,
    )


def build(
    settings: PipelinesSettings | None = None,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    return create_app(describe(settings or PipelinesSettings.load()), transport=transport)
