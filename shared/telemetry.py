"""Seeing what happens: JSON logs with request ids, and Prometheus metrics per route."""

import logging
import re
import sys
import time
from uuid import uuid4

import orjson
import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.stdlib import ProcessorFormatter

from shared import audit
from shared.tracing import QUIET_PATHS

REQUESTS = Counter(
    "mlsploit_http_requests_total", "Requests by route and status.", ["method", "route", "status"]
)
LATENCY = Histogram("mlsploit_http_request_seconds", "Time to the last byte.", ["method", "route"])
# What is added to every line of the log; set when logging is configured.
_steps: list[structlog.typing.Processor] = []
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_LONG_PART = re.compile(r"[^/]{32,}")
_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

log = logging.getLogger(__name__)


def configure_logging(service: str, level: str) -> None:
    """JSON lines on stderr, for our own events and the libraries' alike."""
    _steps[:] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        lambda _logger, _method, event: {**event, "service": service},
    ]
    structlog.configure(
        processors=[*_steps, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    rendering: list[structlog.typing.Processor] = [
        ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]
    formatter = ProcessorFormatter(foreign_pre_chain=list(_steps), processors=rendering)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"
    # One line per internal call and per migration step is noise at our level.
    for name in ("httpx", "alembic", "nats"):
        logging.getLogger(name).setLevel(logging.WARNING)


class RequestContext:
    """Gives every request an id (the client's own if it is a plain one), a log line, a metric.

    What a later internal call must carry on - the id, the host the client used - is bound to the
    logging context, from where shared/clients takes it.
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _bind(scope)
        started = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = (b"x-request-id", request_id.encode("ascii"))
                message["headers"] = [*message["headers"], own]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            _record(scope, status, time.perf_counter() - started)


def _bind(scope: Scope) -> str:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    offered = headers.get("x-request-id", "")
    request_id = offered if _SAFE_ID.fullmatch(offered) else uuid4().hex
    forwarded = {
        "x-request-id": request_id,
        "x-forwarded-host": headers.get("x-forwarded-host") or headers.get("host", ""),
        "x-forwarded-proto": headers.get("x-forwarded-proto", "http"),
    }
    structlog.contextvars.clear_contextvars()
    audit.current.set(None)
    structlog.contextvars.bind_contextvars(**forwarded)
    return request_id


def _record(scope: Scope, status: int, seconds: float) -> None:
    # Only a matched route and a known method: what is made up must not make labels without end.
    route = getattr(scope.get("route"), "path", "unmatched")
    if route in QUIET_PATHS:
        return
    method = scope["method"] if scope["method"] in METHODS else "other"
    REQUESTS.labels(method, route, str(status)).inc()
    LATENCY.labels(method, route).observe(seconds)
    if log.isEnabledFor(logging.INFO):
        asked = {"method": scope["method"], "path": told_path(scope["path"])}
        answered = {"status": status, "milliseconds": round(seconds * 1000, 2)}
        _tell({"event": "request", **asked, **answered})


def told_path(path: str) -> str:
    """A long part of a path is a key to something; logs are read by more people than keys."""
    return _LONG_PART.sub("...", path)


def _tell(entry: structlog.typing.EventDict) -> None:
    """As any other line, but past `logging`, which took a tenth of a short request."""
    for step in _steps:
        entry = step(None, "info", entry)  # type: ignore[assignment]  # ours all give a dict
    sys.stderr.write(orjson.dumps(entry).decode() + "\n")
