"""The composition root: `uvicorn --factory services.files.main:build`. Importing has no effects."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI
from starlette.types import Lifespan

from services.files.consumers import SUBSCRIPTIONS
from services.files.errors import StorageAway
from services.files.links import MediaLinks
from services.files.measuring import measure_storage
from services.files.routes import files, internal, media
from services.files.settings import FilesSettings
from services.files.storage.interface import BlobStore
from services.files.storage.opening import store_of
from services.files.sweeper import remove_dead_blobs
from shared.app import Service, create_app
from shared.health import CHECK_SECONDS


def describe(settings: FilesSettings) -> Service:
    return Service(
        name="files",
        title="MLsploit files",
        settings=settings,
        routers=(files.router, media.router, internal.router),
        migrations=Path(__file__).parent / "migrations",
        subscriptions=SUBSCRIPTIONS,
        background=(remove_dead_blobs, measure_storage),
        checks={"storage": check_storage},
    )


async def check_storage(app: FastAPI) -> str:
    """For `/readyz`: whether an upload could be stored."""
    store: BlobStore = app.state.store
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await store.check()
    except StorageAway as error:
        return f"failed: {error.reason}"
    except TimeoutError:
        return f"failed: no answer within {CHECK_SECONDS:.0f} s"
    except OSError as error:
        return f"failed: {error.strerror}"
    return "ok"


def build(
    settings: FilesSettings | None = None,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    settings = settings or FilesSettings.load()
    app = create_app(describe(settings), transport=transport)
    app.state.store = store_of(settings)
    app.state.media_links = MediaLinks(settings.link_key, days=settings.link_days)
    app.router.lifespan_context = _with_its_store(app.router.lifespan_context)
    return app


def _with_its_store(lifespan: Lifespan[FastAPI]) -> Lifespan[FastAPI]:
    """The store is open before anything uses it, and for longer than everything does."""

    @asynccontextmanager
    async def opened(app: FastAPI) -> AsyncIterator[None]:
        async with app.state.store, lifespan(app):
            yield

    return opened
