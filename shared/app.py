"""The shape of every service's process: one app factory, one lifespan, one way to answer errors.

Importing has no effects; `create_app` has none either. Databases, connections and background work
begin when the app starts and end when it stops.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import structlog
from fastapi import APIRouter, FastAPI
from sqlalchemy.exc import DatabaseError

from shared.auth import JwksKeys, KeySource, Revocations, TokenVerifier
from shared.conditional import Conditional
from shared.db import Database
from shared.edge import Edge
from shared.health import Check, health_router
from shared.http import pooled_client
from shared.idempotency import Idempotent
from shared.messaging.broker import Broker
from shared.messaging.consumer import AnySubscription, Consumer
from shared.messaging.metrics import measure_regularly
from shared.messaging.outbox import OutboxRelay
from shared.messaging.pulling import revoking
from shared.messaging.token_use import tell_used_tokens
from shared.openapi import DocumentedApp
from shared.responders import add_responders
from shared.settings import ServiceSettings
from shared.shedding import Shedding
from shared.telemetry import RequestContext, configure_logging
from shared.tracing import TELEMETRY, tracing
from shared.upgrading import upgrade

RESTART_SECONDS = 1.0
STOP_AGAIN_SECONDS = 0.5

log = structlog.get_logger(__name__)


# A coroutine function that works for as long as the process lives.
Background = Callable[[FastAPI], Awaitable[None]]


@dataclass(frozen=True)
class Service:
    """What makes one service different from the next."""

    name: str
    title: str
    settings: ServiceSettings
    routers: Sequence[APIRouter]
    # None for a process that keeps no data: no database then, no events out or in.
    migrations: Path | None
    subscriptions: Sequence[AnySubscription] = ()
    # Run for as long as the process lives, started again when they fail.
    background: Sequence[Background] = ()
    # What must work besides database and broker before requests are served in full, by name.
    checks: Mapping[str, Check] = field(default_factory=dict)
    # Only `users` brings its own keys; the others fetch its public ones.
    keys: KeySource | None = None
    openapi_url: str | None = "/openapi.json"


def create_app(service: Service, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """The service as an ASGI app; `transport` is the network to its peers (tests bring one)."""
    settings = service.settings
    app = DocumentedApp(
        title=service.title,
        version="1",
        lifespan=_lifespan,
        openapi_url=service.openapi_url,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        telemetry={**TELEMETRY, "tracing": bool(settings.otlp_endpoint)},
    )
    http = pooled_client(timeout_seconds=settings.peer_timeout_seconds, transport=transport)
    keys = service.keys or JwksKeys(http, f"{settings.users_url}/auth/jwks.json")
    app.state.service = service
    # Set by who serves the app, so that a balancer sends new requests elsewhere before it stops.
    app.state.is_leaving = False
    app.state.settings = settings
    app.state.http = http
    app.state.verifier = TokenVerifier(keys, Revocations())
    for router in (*service.routers, health_router):
        app.include_router(router)
    add_responders(app)
    app.add_middleware(Conditional)
    app.add_middleware(Idempotent)
    app.add_middleware(Shedding, requests_max=settings.requests_at_work_max)
    app.add_middleware(
        Edge, allowed_hosts=settings.api_allowed_hosts, is_encrypted=settings.hosting_ssl_enabled
    )
    app.add_middleware(RequestContext)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    settings = service.settings
    configure_logging(service.name, settings.log_level)
    async with AsyncExitStack() as stack:
        stack.enter_context(tracing(service.name, settings, app.state.http))
        stack.push_async_callback(app.state.http.aclose)
        database = None
        if service.migrations is not None:
            database = await open_database(service)
            stack.push_async_callback(database.close)
        app.state.database = database
        broker = Broker(settings.nats_url, service.name, replicas=settings.nats_replicas)
        app.state.broker = broker
        stack.push_async_callback(broker.close)
        tasks = _start_background(app, service, database, broker)
        stack.push_async_callback(_stop, tasks)
        yield


async def open_database(service: Service) -> Database:
    """The service's database, migrated; a file that is no database ends the process in a line."""
    assert service.migrations is not None, f"{service.name} keeps no data"
    database = Database(service.settings.database(service.name))
    try:
        await upgrade(database, service.migrations)
    except DatabaseError as error:
        raise SystemExit(f"{service.name}: cannot use {database.url}: {error.orig}") from None
    return database


def _start_background(
    app: FastAPI, service: Service, database: Database | None, broker: Broker
) -> list[asyncio.Task[None]]:
    if not service.settings.nats_url:
        return []
    verifier: TokenVerifier = app.state.verifier
    works: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("broker", broker.connect),
        ("revocations", revoking(broker, verifier.revocations.on_entry).run),
        ("token_use", partial(tell_used_tokens, verifier, broker)),
    ]
    if database is not None:
        works.append(("outbox", OutboxRelay(database, broker).run))
        consumers = [Consumer(database, broker, service.name, s) for s in service.subscriptions]
        works.extend((consumer.durable, consumer.run) for consumer in consumers)
        names = [consumer.durable for consumer in consumers]
        works.append(("metrics", partial(measure_regularly, service.name, database, broker, names)))
    works.extend((each.__name__, partial(each, app)) for each in service.background)
    return [asyncio.create_task(_keep_running(name, work), name=name) for name, work in works]


async def _keep_running(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """A background task that fails is logged and begun again; one that returns is done."""
    while True:
        try:
            await work()
            return
        except Exception:
            log.exception("background_failed", task=name, retry_in_seconds=RESTART_SECONDS)
            await asyncio.sleep(RESTART_SECONDS)


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    """Asks again, because a library may swallow a cancellation that meets a message."""
    unfinished = set(tasks)
    while unfinished:
        for task in unfinished:
            task.cancel()
        _, unfinished = await asyncio.wait(unfinished, timeout=STOP_AGAIN_SECONDS)
