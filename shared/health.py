"""Alive, ready, measured: what the gateway's health page and the operator's tools ask.

Balancers ask whether a process is alive, so what can still be read is served, by every replica,
while readiness says that nothing can be written.
"""

import asyncio
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import delete, insert, text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from shared.answers import json_response
from shared.clock import utc_now
from shared.db import Database
from shared.messaging.tables import idempotency_keys as keys

CHECK_SECONDS = 2.0
# Many pages of a database: what small holes still take is no proof.
TRIAL_BYTES = 64 * 1024

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
        checks["database"] = await _verdict(_read, state.database)
        checks["writing"] = await _verdict(_write, state.database)
    if state.settings.nats_url:
        checks["nats"] = "ok" if state.broker.ready.is_set() else "not connected"
    for name, check in state.service.checks.items():
        checks[name] = await check(request.app)
    is_ready = all(verdict == "ok" for verdict in checks.values())
    body = {"status": "ready" if is_ready else "unready", "checks": checks}
    return json_response(body, status=200 if is_ready else 503)


@health_router.get("/metrics")
async def read_metrics() -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _verdict(check: Callable[[Database], Awaitable[None]], database: Database) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check(database)
    except (SQLAlchemyError, OSError) as error:
        return f"failed: {getattr(error, 'orig', None) or type(error).__name__}"
    return "ok"


async def _read(database: Database) -> None:
    async with database.reading() as session:
        await session.execute(text("SELECT 1"))


async def _write(database: Database) -> None:
    """Tried only when there is doubt: a system at rest writes nothing."""
    if not await database.looks_writable():
        row = {"id": "trial", "holder": "", "expires_at": utc_now(), "answer": bytes(TRIAL_BYTES)}
        async with database.transaction(is_noted=False) as session:
            await session.execute(insert(keys).values(row))
            await session.execute(delete(keys).where(keys.c.id == row["id"]))
