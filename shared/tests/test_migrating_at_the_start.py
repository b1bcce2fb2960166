"""Replicas that start together migrate once; a migration that breaks off leaves what was."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError

from dev.environment import ROOT
from shared.db import Database
from shared.testing.fixtures import POSTGRES, SQLITE
from shared.testing.postgres import PostgresServer
from shared.upgrading import upgrade

REPLICAS = 4
ENVIRONMENT = """
from sqlalchemy import MetaData
from shared.migrations import run

run(MetaData())
"""
# Twice would be an error, or two rows.
FIRST = """
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

def upgrade():
    op.create_table("parents", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_table(
        "children",
        sa.Column("parent_id", sa.Integer(), sa.ForeignKey("parents.id", ondelete="CASCADE")),
    )
    op.execute("INSERT INTO parents (id) VALUES (1)")
    op.execute("INSERT INTO children (parent_id) VALUES (1)")
"""
SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

def upgrade():
    with op.batch_alter_table("parents", recreate="auto") as batch:
        batch.add_column(sa.Column("name", sa.String(20), nullable=False, server_default=""))
        batch.create_unique_constraint("uq_parents_id_name", ["id", "name"])
"""
BREAKS_OFF = """
from alembic import op

revision = "0003"
down_revision = "0002"

def upgrade():
    op.drop_table("children")
    op.execute("INSERT INTO parents (id, name) VALUES (1, '')")
"""


@pytest.fixture(params=[SQLITE, POSTGRES])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a database without a table."""
    if request.param == SQLITE:
        return f"sqlite+aiosqlite:///{tmp_path}/replicas.sqlite3"
    server: PostgresServer = request.getfixturevalue("postgres")
    return await server.bare_database("replicas")


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    opened = Database(url)
    yield opened
    await opened.close()


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENVIRONMENT)
    for number, content in enumerate((FIRST, SECOND), 1):
        (folder / "versions" / f"000{number}.py").write_text(content)
    return folder


async def parents_and_children(database: Database) -> tuple[int, int]:
    async with database.reading() as session:
        parents = await session.scalar(text("SELECT count(*) FROM parents"))
        children = await session.scalar(text("SELECT count(*) FROM children"))
    return parents or 0, children or 0


async def test_replicas_that_start_together_migrate_once(
    url: str, database: Database, migrations: Path
) -> None:
    started = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "shared.tests.migrating_process", url, str(migrations)),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(REPLICAS)
    ]
    for process in started:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"here\n"
    said = await asyncio.gather(*(process.communicate(b"go\n") for process in started))

    assert [process.returncode for process in started] == [0] * REPLICAS, said
    assert await parents_and_children(database) == (1, 1)


async def test_making_a_table_anew_keeps_the_rows_that_refer_to_it(
    database: Database, migrations: Path
) -> None:
    """SQLite cannot add a constraint to a table that is there."""
    await upgrade(database, migrations)

    assert await parents_and_children(database) == (1, 1)
    async with database.transaction() as session:
        # And from then on, references hold again.
        await session.execute(text("DELETE FROM parents"))
    assert await parents_and_children(database) == (0, 0)


async def test_a_migration_that_breaks_off_changes_nothing(
    database: Database, migrations: Path
) -> None:
    await upgrade(database, migrations)
    (migrations / "versions" / "0003.py").write_text(BREAKS_OFF)

    with pytest.raises(IntegrityError):
        await upgrade(database, migrations)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(_tables) == {"parents", "children", "alembic_version"}
    async with database.reading() as session:
        assert await session.scalar(text("SELECT version_num FROM alembic_version")) == "0002"
    assert await parents_and_children(database) == (1, 1)


def _tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())
