"""Traces: one line of thought from the gateway through HTTP and NATS to the worker and back.

Only when somebody collects them (MLSPLOIT_OTLP_ENDPOINT) is anything recorded, or the library that
does it even imported. What a message carries on - the trace, the request's id - is asked for either
way: without a collector it is the trace of whoever called, so that ours is never where one breaks.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog
from fastapi.telemetry import TelemetryConfig
from httpx import AsyncClient
from nats.aio.msg import Msg
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

from shared.settings import PlatformSettings

REQUEST_ID = "x-request-id"
# Asked every second by balancers and scrapers, which want no trace of it.
QUIET_PATHS = frozenset({"/healthz", "/livez", "/readyz", "/metrics"})

# Of FastAPI's own: spans of requests alone, and those only while somebody collects them.
TELEMETRY: TelemetryConfig = {"metrics": False, "logs": False, "operation_spans": False}
TELEMETRY["exclude"] = lambda scope: scope["path"] in QUIET_PATHS

tracer = trace.get_tracer("mlsploit")


@contextmanager
def tracing(process: str, settings: PlatformSettings, *clients: AsyncClient) -> Iterator[None]:
    """Record what this process and its clients do, until the end of the block, if it is asked for.

    One process, one block: a provider cannot be replaced.
    """
    if not settings.otlp_endpoint:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    # Whoever comes with a trace has drawn the lot already: as a rule the gateway.
    sampler = ParentBased(TraceIdRatioBased(settings.otlp_sampled_ratio))
    resource = Resource.create({"service.name": process, "service.namespace": "mlsploit"})
    provider = TracerProvider(sampler=sampler, resource=resource)
    exporter = OTLPSpanExporter(f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    for client in clients:
        HTTPXClientInstrumentor.instrument_client(client)
    try:
        yield
    finally:
        provider.shutdown()


def carried() -> dict[str, str]:
    """The headers of a message that is sent on behalf of what this task is doing just now."""
    headers: dict[str, str] = {}
    propagate.inject(headers)
    request_id = structlog.contextvars.get_contextvars().get(REQUEST_ID)
    return headers | {REQUEST_ID: request_id} if request_id else headers


@contextmanager
def received(message: Msg, work: str) -> Iterator[None]:
    """Go on where the sender of a message was: its trace, and its request's id in our logs."""
    headers: Mapping[str, str] = message.headers or {}
    about = {"messaging.system": "nats", "messaging.destination.name": message.subject}
    about |= {"messaging.message.id": headers.get("Nats-Msg-Id", "")}
    known = {REQUEST_ID: headers[REQUEST_ID]} if REQUEST_ID in headers else {}
    span = tracer.start_as_current_span(
        work, context=propagate.extract(headers), kind=SpanKind.CONSUMER, attributes=about
    )
    with structlog.contextvars.bound_contextvars(**known), span:
        yield
