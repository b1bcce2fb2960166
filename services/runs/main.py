"""The composition root: `uvicorn --factory services.runs.main:build`. Importing has no effects."""

from pathlib import Path

import httpx
from fastapi import FastAPI

from services.runs.consumers import SUBSCRIPTIONS
from services.runs.routes import backends, execution, internal, jobs, runs
from services.runs.settings import RunsSettings
from services.runs.sweeper import sweep_regularly
from shared.app import Service, create_app


def describe(settings: RunsSettings) -> Service:
    return Service(
        name="runs",
        title="MLsploit runs",
        settings=settings,
        routers=(runs.router, jobs.router, execution.router, backends.router, internal.router),
        migrations=Path(__file__).parent / "migrations",
        subscriptions=SUBSCRIPTIONS,
        background=(sweep_regularly,),
    )


def build(
    settings: RunsSettings | None = None, *, transport: httpx.AsyncBaseTransport | None = None
) -> FastAPI:
    return create_app(describe(settings or RunsSettings.load()), transport=transport)
