"""Alive, ready, measured: what the gateway's health page and the operator's tools ask."""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from shared.answers import json_response
from shared.db import Database
from shared.messaging.broker import Broker

CHECK_SECONDS = 2.0

# Says "ok", or what is wrong.
Check = Callable[[FastAPI], Awaitable[str]]

health_router = APIRouter(include_in_schema=False)


# The portal's /healthz speaks of the whole system; /livez is each process alone, everywhere.
@health_router.get("/healthz")
@health_router.get("/livez")
async def read_health(request: Request) -> Response:
    """The process answers, and will go on for a while; nothing else is claimed."""
    status, code = ("leaving", 503) if request.app.state.is_leaving else ("alive", 200)
    return json_response({"status": status}, status=code)


@health_router.get("/readyz")
async def read_readiness(request: Request) -> Response:
    """200 when requests can be served in full, else 503; `checks` says what is missing."""
    state = request.app.state
    checks = {}
    if state.database is not None:
        checks["database"] = await _check_database(state.database)
    if state.settings.nats_url:
        checks["nats"] = _check_broker(state.broker)
    for name, check in state.service.checks.items():
        checks[name] = await check(request.app)
    is_ready = all(verdict == "ok" for verdict in checks.values())
    body = {"status": "ready" if is_ready else "unready", "checks": checks}
    return json_response(body, status=200 if is_ready else 503)


@health_router.get("/metrics")
async def read_metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _check_database(database: Database) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS), database.reading() as session:
            await session.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError) as error:
        return f"failed: {type(error).__name__}"
    return "ok"


def _check_broker(broker: Broker) -> str:
    return "ok" if broker.is_connected else "not connected"
