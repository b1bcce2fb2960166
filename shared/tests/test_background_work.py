import asyncio
from pathlib import Path

from fastapi import FastAPI

from shared.testing.eventually import eventually
from shared.testing.processes import NatsServer
from shared.tests.ledger import ledger


async def test_background_work_that_fails_is_begun_again(tmp_path: Path, nats: NatsServer) -> None:
    beginnings = 0

    async def work(app: FastAPI) -> None:
        nonlocal beginnings
        beginnings += 1
        if beginnings == 1:
            raise RuntimeError("not now")

    async with ledger(tmp_path, "ledger", nats.url, background=[work]):

        async def is_begun_again() -> bool:
            return beginnings == 2

        await eventually(is_begun_again)


async def test_a_service_stops_even_if_a_library_swallows_the_first_cancellation(
    tmp_path: Path, nats: NatsServer
) -> None:
    has_begun = asyncio.Event()
    swallowed = 0

    async def stubborn(app: FastAPI) -> None:
        nonlocal swallowed
        while True:
            try:
                has_begun.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 1:
                    raise

    async with asyncio.timeout(10):
        async with ledger(tmp_path, "ledger", nats.url, background=[stubborn]):
            await has_begun.wait()
    assert swallowed == 2
