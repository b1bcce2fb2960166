"""What the administrators' command lines share: a migrated database, and refusals in one line."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from shared.app import Service, open_database
from shared.db import Database
from shared.errors import ApiError
from shared.telemetry import configure_logging

T = TypeVar("T")


def refuse(sentence: str) -> NoReturn:
    """End the command with one sentence on stderr."""
    print(sentence, file=sys.stderr)
    raise SystemExit(1)


def on_database(service: Service, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run `work` on the service's database, also while the service itself runs."""

    async def run() -> T:
        # What a command prints is its answer; besides it only trouble is told.
        configure_logging(service.name, "WARNING")
        database = await open_database(service)
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except ApiError as error:
        refuse(_sentence(error))


def _sentence(error: ApiError) -> str:
    body = error.body()
    if set(body) == {"detail"}:
        return str(body["detail"])
    return "\n".join(f"{field}: {' '.join(texts)}" for field, texts in body.items())
