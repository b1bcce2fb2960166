"""How much is stored, and how much room there is: asked now and then, so that a scrape is free.

The sum reads every file's row, which is why it is not asked more often.
"""

import asyncio
import math
import shutil
from contextlib import suppress

from fastapi import FastAPI
from prometheus_client import Gauge
from sqlalchemy.exc import SQLAlchemyError

from services.files import queries
from services.files.settings import FilesSettings
from shared.db import Database

MEASURE_SECONDS = 60.0

FILES = Gauge("mlsploit_files", "Files.")
BLOB_BYTES = Gauge("mlsploit_blob_bytes", "Size of all files' contents together.")
DOOMED = Gauge("mlsploit_blobs_doomed", "Contents that are to be removed, now or when due.")
FREE_BYTES = Gauge(
    "mlsploit_storage_free_bytes", "Room left where contents are stored; +Inf for a bucket."
)


async def measure_storage(app: FastAPI) -> None:
    """For as long as the process lives."""
    settings: FilesSettings = app.state.settings
    while True:
        # What is away is told by readiness.
        with suppress(SQLAlchemyError, OSError):
            await measure(app.state.database, settings)
        await asyncio.sleep(MEASURE_SECONDS)


async def measure(database: Database, settings: FilesSettings) -> None:
    async with database.reading() as session:
        count, size = await queries.sum_of_files(session)
        DOOMED.set(await queries.count_doomed(session))
    FILES.set(count)
    BLOB_BYTES.set(size)
    # A bucket has no end that could be told.
    free = math.inf if settings.storage_url else shutil.disk_usage(settings.storage()).free
    FREE_BYTES.set(free)
