"""A replica reduced to its start, as a process: DATABASE_URL FOLDER_OF_MIGRATIONS."""

import asyncio
import sys
from pathlib import Path

from shared.db import Database
from shared.upgrading import upgrade


async def start(url: str, migrations: str) -> None:
    database = Database(url)
    print("here", flush=True)
    sys.stdin.readline()
    await upgrade(database, Path(migrations))
    await database.close()


if __name__ == "__main__":
    asyncio.run(start(*sys.argv[1:]))
