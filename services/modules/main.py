"""The composition root, `services.modules.main:build`. Importing has no effects."""

from pathlib import Path

import httpx
from fastapi import FastAPI

from services.modules.clones import sweep_abandoned_clones
from services.modules.listed import register_listed_modules
from services.modules.routes import definitions, functions, modules, registration
from services.modules.settings import ModulesSettings
from shared.app import Service, create_app


def describe(settings: ModulesSettings) -> Service:
    return Service(
        name="modules",
        title="MLsploit modules",
        settings=settings,
        routers=(modules.router, definitions.router, registration.router, functions.router),
        migrations=Path(__file__).parent / "migrations",
        background=(sweep_abandoned_clones, register_listed_modules),
    )


def build(
    settings: ModulesSettings | None = None,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    return create_app(describe(settings or ModulesSettings.load()), transport=transport)
