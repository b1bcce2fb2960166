"""The composition root: `uvicorn --factory services.files.main:build`. Importing has no effects."""

from pathlib import Path

import httpx
from fastapi import FastAPI

from services.files.consumers import SUBSCRIPTIONS
from services.files.links import MediaLinks
from services.files.routes import files, internal, media
from services.files.settings import FilesSettings
from services.files.storage.interface import BlobStore
from services.files.storage.local import LocalStore
from services.files.sweeper import remove_dead_blobs
from shared.app import Service, create_app


def describe(settings: FilesSettings) -> Service:
    return Service(
        name="files",
        title="MLsploit files",
        settings=settings,
        routers=(files.router, media.router, internal.router),
        migrations=Path(__file__).parent / "migrations",
        subscriptions=SUBSCRIPTIONS,
        background=(remove_dead_blobs,),
        checks={"storage": check_storage},
    )


async def check_storage(app: FastAPI) -> str:
    """For `/readyz`: whether an upload could be stored."""
    store: BlobStore = app.state.store
    try:
        staged = await store.stage()
        await staged.discard()
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
    app.state.store = LocalStore(settings.storage())
    app.state.media_links = MediaLinks(settings.link_key, days=settings.link_days)
    return app
