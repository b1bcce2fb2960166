"""What every service promises about its database: data outlives a release, forwards and back.

Each service's test_migrations inherits it. Rows are made from the tables as they are found, so a
migration written tomorrow is held to the promise without a word more.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from shared.db import Database
from shared.migrations import config_for, migrate
from shared.testing.postgres import PostgresServer
from shared.upgrading import newest_revision

ROWS = 3
# More than what migrations themselves add.
NUMBERS_PER_REVISION = 100
VERSION = "alembic_version"
Direction = Callable[[Config, str], None]
Rows = dict[str, list[dict[str, Any]]]
Fresh = Callable[[], Awaitable[Database]]


class MigrationConformance:
    """Name the service's folder of migrations and its metadata."""

    migrations: ClassVar[Path]
    metadata: ClassVar[sa.MetaData]

    @pytest.fixture(params=["sqlite", "postgres"])
    async def fresh(self, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fresh]:
        """Opens a database without a table, as often as it is called."""
        opened: list[Database] = []

        async def make() -> Database:
            url = f"sqlite+aiosqlite:///{tmp_path}/{uuid4().hex}.sqlite3"
            if request.param == "postgres":
                server: PostgresServer = request.getfixturevalue("postgres")
                url = await server.bare_database(f"migrating_{self.migrations.parent.name}")
            opened.append(Database(url))
            return opened[-1]

        yield make
        for database in opened:
            await database.close()

    @property
    def revisions(self) -> list[str]:
        """Oldest first."""
        script = ScriptDirectory.from_config(config_for(self.migrations))
        return [each.revision for each in script.walk_revisions()][::-1]

    def test_the_newest_revision_is_known_by_the_names_of_the_files(self) -> None:
        assert newest_revision(self.migrations) == self.revisions[-1]

    async def test_data_of_every_revision_survives_the_ways_up_and_one_step_down(
        self, fresh: Fresh
    ) -> None:
        """From the first revision to the newest, with more rows at each of them."""
        database = await fresh()
        before: Rows = {}
        below = "base"
        for count, revision in enumerate(self.revisions):
            await self._move(database, command.upgrade, revision)
            self._expect(before, await self._read(database), f"up to {revision}")
            before = await self._fill(database, first=1 + count * NUMBERS_PER_REVISION)
            if below != "base":
                await self._move(database, command.downgrade, below)
                self._expect(before, await self._read(database), f"{revision} down to {below}")
                before = await self._read(database)
                await self._move(database, command.upgrade, revision)
                self._expect(before, await self._read(database), f"again up to {revision}")
                before = await self._read(database)
            below = revision

    async def test_what_a_dropped_table_of_dead_letters_held_is_on_its_way(
        self, fresh: Fresh
    ) -> None:
        database = await fresh()
        await self._move(database, command.upgrade, self.revisions[0])
        before = await self._fill(database)

        await self._move(database, command.upgrade, "head")

        after = await self._read(database)
        letters = {row["payload"] for row in before["dead_letters"]}
        waiting = [row for row in after["outbox"] if row["subject"].startswith("mlsploit.dead.")]
        assert letters == {row["payload"] for row in waiting}

    async def test_the_newest_revision_is_what_the_models_say(self, fresh: Fresh) -> None:
        database = await fresh()
        await self._move(database, command.upgrade, "head")

        async with database.engine.connect() as connection:
            found = await connection.run_sync(_differences, self.metadata)
        assert not found, found

    async def _move(self, database: Database, direction: Direction, to: str) -> None:
        async with database.engine.connect() as connection:
            await connection.run_sync(migrate, self.migrations, direction, to)

    async def _fill(self, database: Database, first: int = 1) -> Rows:
        """A few rows in every table, and all of them as they are read."""
        async with database.transaction() as session:
            connection = await session.connection()
            await connection.run_sync(_insert_rows, range(first, first + ROWS))
        return await self._read(database)

    async def _read(self, database: Database) -> Rows:
        async with database.engine.connect() as connection:
            return await connection.run_sync(_read_rows)

    def _expect(self, before: Rows, after: Rows, way: str) -> None:
        """Every row is there still, as far as its table and its columns are."""
        for table in before.keys() & after.keys():
            lost = [row for row in before[table] if not _is_among(row, after[table])]
            assert not lost, f"{way}: {table} has lost {lost}"


def _is_among(row: Mapping[str, Any], rows: list[dict[str, Any]]) -> bool:
    return any(all(each.get(name, value) == value for name, value in row.items()) for each in rows)


def _differences(connection: sa.Connection, metadata: sa.MetaData) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    found: list[Any] = compare_metadata(context, metadata)
    return found


def _tables(connection: sa.Connection) -> Iterator[sa.Table]:
    """Parents first."""
    found = sa.MetaData()
    found.reflect(connection)
    yield from (table for table in found.sorted_tables if table.name != VERSION)


def _insert_rows(connection: sa.Connection, numbers: range) -> None:
    for table in _tables(connection):
        rows = [{c.name: _value(c, number) for c in table.columns} for number in numbers]
        connection.execute(sa.insert(table), rows)
        for column in table.columns:
            default = column.server_default
            if isinstance(default, sa.DefaultClause) and "nextval" in str(default.arg):
                # On PostgreSQL, rows that bring their number do not count.
                place = sa.func.pg_get_serial_sequence(table.name, column.name)
                connection.execute(sa.select(sa.func.setval(place, numbers[-1])))


def _read_rows(connection: sa.Connection) -> Rows:
    return {
        table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
        for table in _tables(connection)
    }


def _value(column: sa.Column[Any], number: int) -> Any:
    """Another one in each row, the same in a row that refers to it."""
    match column.type:
        case sa.Boolean():
            return bool(number % 2)
        case sa.DateTime():
            return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        case sa.JSON():
            return {"number": number}
        case sa.LargeBinary():
            return f"bytes {number}".encode()
        case sa.Integer():
            return number
        case sa.String(length=length):
            return f"{column.name} {number}"[-(length or 100) :]
    raise AssertionError(f"nobody knows what to write into {column.table.name}.{column.name}")
