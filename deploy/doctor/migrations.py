"""Is a service's database where it should be, and at the revision that this code brings?"""

import asyncio
import importlib
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from deploy.doctor.configuration import settings_of
from deploy.doctor.verdicts import Verdict, fault, ok
from shared.db import Database
from shared.migrations import config_for
from shared.settings import ServiceSettings

CONNECT_SECONDS_MAX = 10.0


def check_database(service: str) -> Verdict:
    about = f"database of {service}"
    settings = settings_of(service)
    assert isinstance(settings, ServiceSettings)
    url = settings.database(service)
    location = make_url(url)
    if location.drivername.startswith("sqlite") and not Path(location.database or "").exists():
        return fault(about, f"there is no {location.database}", "Start the system: it makes it.")
    try:
        found = asyncio.run(_revision(url))
    except (SQLAlchemyError, OSError) as error:
        said = str(getattr(error, "orig", None) or error or type(error).__name__)
        remedy = f"Start it, correct MLSPLOIT_{service.upper()}_DATABASE_URL, or restore a backup."
        return fault(about, said, remedy)
    return _judge(about, service, found)


def _judge(about: str, service: str, found: str | None) -> Verdict:
    settings = importlib.import_module(f"services.{service}.settings")
    folder = Path(str(settings.__file__)).parent / "migrations"
    revisions = ScriptDirectory.from_config(config_for(folder))
    newest = revisions.get_current_head()
    if found == newest:
        return ok(about, f"at revision {found}, the newest")
    if found and found not in {one.revision for one in revisions.walk_revisions()}:
        remedy = "A newer version of the program made it: run that one, or restore a backup."
        return fault(about, f"at revision {found}, which is not known here", remedy)
    remedy = f"Restart {service}: it brings its database up to date when it starts."
    return fault(about, f"at revision {found}, not {newest}", remedy)


async def _revision(url: str) -> str | None:
    database = Database(url)
    try:
        async with asyncio.timeout(CONNECT_SECONDS_MAX), database.engine.connect() as connection:
            return await connection.run_sync(
                lambda sync: MigrationContext.configure(sync).get_current_revision()
            )
    finally:
        await database.close()
