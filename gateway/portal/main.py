"""Composition root of the portal."""

import httpx
from fastapi import FastAPI

from gateway.portal.documents import Documents
from gateway.portal.routes import index, pages, system
from gateway.portal.settings import PortalSettings
from shared.app import Service, create_app


def build(
    settings: PortalSettings | None = None, *, transport: httpx.AsyncBaseTransport | None = None
) -> FastAPI:
    settings = settings or PortalSettings.load()
    service = Service(
        name="portal",
        title="MLsploit",
        settings=settings,
        routers=(pages.router, index.router, system.router),
        migrations=None,
        # At /openapi.json stands the document of the whole system.
        openapi_url=None,
    )
    app = create_app(service, transport=transport)
    app.state.documents = Documents(app.state.http, settings.services, app.openapi())
    return app
