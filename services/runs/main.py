"""The composition root: `uvicorn --factory services.runs.main:build`. Importing has no effects."""

from pathlib import Path

import httpx
from fastapi import FastAPI

from services.runs.consumers import SUBSCRIPTIONS
from services.runs.deeds.pruning import prune_deeds
from services.runs.errors import NotYoursToBegin, render_in_plain_text
from services.runs.live.hub import Hub
from services.runs.live.upkeep import UPKEEP
from services.runs.measures.measuring import measure_jobs
from services.runs.renewal import offer_again_what_nats_forgot
from services.runs.routes import (
    attempts,
    backends,
    events,
    execution,
    internal,
    jobs,
    logs,
    runs,
    webhooks,
)
from services.runs.settings import RunsSettings
from services.runs.sweeper import sweep_regularly
from services.runs.webhooks.delivering import deliver_webhooks, prune_deliveries
from shared.app import Service, create_app


def describe(settings: RunsSettings) -> Service:
    return Service(
        name="runs",
        title="MLsploit runs",
        settings=settings,
        routers=(
            runs.router,
            jobs.router,
            attempts.router,
            execution.router,
            logs.router,
            backends.router,
            events.router,
            webhooks.router,
            internal.router,
        ),
        migrations=Path(__file__).parent / "migrations",
        subscriptions=SUBSCRIPTIONS,
        background=(
            sweep_regularly,
            prune_deeds,
            offer_again_what_nats_forgot,
            measure_jobs,
            deliver_webhooks,
            prune_deliveries,
            *UPKEEP,
        ),
    )


def build(
    settings: RunsSettings | None = None, *, transport: httpx.AsyncBaseTransport | None = None
) -> FastAPI:
    settings = settings or RunsSettings.load()
    app = create_app(describe(settings), transport=transport)
    app.add_exception_handler(NotYoursToBegin, render_in_plain_text)
    app.state.hub = Hub(settings)
    return app
