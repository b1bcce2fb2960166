"""The real portal app, in a network that the test plays."""

from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.portal.main import build
from gateway.portal.settings import PortalSettings
from gateway.portal.tests.network import SERVICES, Services, signed_token


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    urls = {f"{name}_url": f"http://{name}:8000" for name in SERVICES}
    settings = PortalSettings.model_validate({"nats_url": "", **urls})
    app = build(settings, transport=services)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://api.example.org:81"
        ) as client,
    ):
        yield client


@pytest.fixture
def token() -> str:
    return signed_token()
