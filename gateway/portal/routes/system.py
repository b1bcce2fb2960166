"""What the system says of itself: its health, its OpenAPI document, and that a part is away."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from gateway.portal.readiness import READY, ask_all, summary
from shared.answers import json_response
from shared.errors import Unavailable

router = APIRouter(include_in_schema=False)

# Prefixes that always belong to a service. A request for one arrives here only while the service
# has no running copy: its routes went with it.
SERVICE_PREFIXES = (
    "/auth/",
    "/media/",
    "/api/v1/users",
    "/api/v1/files",
    "/api/v1/modules",
    "/api/v1/functions",
    "/api/v1/pipelines",
    "/api/v1/tasks",
    "/api/v1/runs",
    "/api/v1/jobs",
    "/api/v1/backends",
    "/api/v1/events",
    "/api/v1/webhooks",
)
AWAY = "A part of the system does not answer. Try again shortly."


@router.get("/healthz")
async def read_system_health(request: Request) -> Response:
    """200 when every service is ready, else 503; each is named."""
    settings = request.app.state.settings
    body = summary(await ask_all(request.app.state.http, settings.services))
    return json_response(body, status=200 if body["status"] == READY else 503)


@router.get("/openapi.json")
async def read_openapi(request: Request) -> Response:
    return json_response(await request.app.state.documents.merged())


@router.get("/internal/unavailable")
async def read_unavailable() -> Response:
    """What the gateway answers with when it cannot reach a service."""
    raise Unavailable(AWAY)


for prefix in SERVICE_PREFIXES:
    router.add_api_route(
        f"{prefix}{{rest:path}}",
        read_unavailable,
        methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        name=f"read_unavailable_{prefix}",
    )
