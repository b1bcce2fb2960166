"""A replica reduced to its relay, as a process that a test can kill: DATABASE_URL NATS_URL."""

import asyncio
import sys

from shared.db import Database
from shared.messaging import leader
from shared.messaging.broker import Broker
from shared.messaging.outbox import OutboxRelay
from shared.telemetry import configure_logging


async def relay(database_url: str, nats_url: str) -> None:
    # A stopped one is found out sooner than in earnest.
    leader.SILENT_SECONDS_MAX = 5
    configure_logging("relay", "INFO")
    broker = Broker(nats_url, "relay")
    await broker.connect()
    await OutboxRelay(Database(database_url), broker).run()


if __name__ == "__main__":
    asyncio.run(relay(*sys.argv[1:]))
