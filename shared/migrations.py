"""Alembic without ceremony: each service brings revisions, this brings them to its database.

A service's `migrations/env.py` calls `run`; its start comes here only when there is something to do
(shared/upgrading.py).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from sqlalchemy import Connection, MetaData
from sqlmodel import AutoString

from shared.db import UtcDateTime


def config_for(location: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(location))
    return config


def migrate(
    connection: Connection, location: Path, direction: Callable[[Config, str], None], to: str
) -> None:
    """`command.upgrade` or `command.downgrade`, by one transaction, to this revision."""
    config = config_for(location)
    config.attributes["connection"] = connection
    with _loose_foreign_keys(connection):
        direction(config, to)


@contextmanager
def _loose_foreign_keys(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew; dropping the old one would take its children."""
    if connection.dialect.name != "sqlite":
        yield
        return
    connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        connection.rollback()  # Within a transaction the next line would do nothing.
        connection.connection.cursor().execute("PRAGMA foreign_keys=ON")


def run(metadata: MetaData) -> None:
    """What `migrations/env.py` calls: online only, on the connection that `upgrade` brought."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=_render_plain_types,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


def _render_plain_types(kind: str, item: Any, _autogen: AutogenContext) -> str | Literal[False]:
    """Migrations must not import application code, which moves while they stay."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})"
    return False
