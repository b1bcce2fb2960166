"""`make migration`: writes what the models have and the migrations lack as a new migration."""

import asyncio
import sys
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from dev.environment import ROOT
from shared.db import Database
from shared.migrations import config_for


def main(service: str, message: str) -> int:
    location = ROOT / "services" / service / "migrations"
    if not location.is_dir():
        print(f"There is no service {service!r} with migrations.", file=sys.stderr)
        return 1
    asyncio.run(_write_revision(location, message or "change"))
    return 0


async def _write_revision(location: Path, message: str) -> None:
    """The difference between the models and the revisions so far, as a new revision."""
    database = Database("sqlite+aiosqlite:///:memory:")
    async with database.engine.connect() as connection:
        await connection.run_sync(_revise, location, message)
    await database.close()


def _revise(connection: Connection, location: Path, message: str) -> None:
    config = config_for(location)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    number = len(list(ScriptDirectory.from_config(config).walk_revisions())) + 1
    command.revision(config, message=message, autogenerate=True, rev_id=f"{number:04d}")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
