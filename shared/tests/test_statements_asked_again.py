"""On SQLite a statement that comes again is carried out past SQLAlchemy, with what it gave before.

Each time all is compared with SQLAlchemy's own execution of the same statement.
"""

import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import bindparam, event
from sqlalchemy.exc import IntegrityError, ResourceClosedError

from shared.db import Database, UtcDateTime
from shared.prepared import PreparedStatements

METADATA = sa.MetaData()
NOTES = sa.Table(
    "notes",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, unique=True, nullable=False),
    sa.Column("moment", UtcDateTime),
    sa.Column("kind", sa.Text, default="plain"),
    sa.Column("is_done", sa.Boolean),
)
OTHERS = NOTES.alias()
N = NOTES.c
EVERYTHING = sa.select(NOTES).order_by(N.id)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

READS: dict[str, tuple[Any, dict[str, Any] | None]] = {
    "all columns": (sa.select(NOTES).order_by(N.id), None),
    "a value of its own": (sa.select(N.moment, N.is_done).where(N.number == 2), None),
    "a value that is given": (
        sa.select(NOTES).where(N.moment == bindparam("then")),
        {"then": NOON},
    ),
    "a value that may be given": (
        sa.select(N.id).where(N.number == bindparam("number", 3)),
        {"number": 1},
    ),
    "the same where none is given": (sa.select(N.id).where(N.number == bindparam("n", 3)), {}),
    "any of several": (sa.select(N.moment).where(N.number.in_([1, 3])), None),
    "two columns of a name": (
        sa.select(NOTES, OTHERS).join(OTHERS, N.id == OTHERS.c.id).order_by(N.id),
        None,
    ),
    "what is reckoned": (sa.select(sa.func.count(), sa.func.max(N.moment).label("last")), None),
    "what is free text": (sa.select(sa.text("1, 2"), N.moment).order_by(N.id), None),
    "text": (sa.text("SELECT id, moment FROM notes WHERE number = :n").bindparams(n=2), None),
    "two selects": (sa.union_all(sa.select(N.moment), sa.select(N.moment)), None),
    "nothing": (sa.select(NOTES).where(N.id == 99), None),
    "a value made each time": (
        sa.select(N.id).where(N.number == bindparam("n", callable_=lambda: 2)),
        None,
    ),
}
WRITES: dict[str, tuple[Any, Any]] = {
    "a row": (sa.insert(NOTES), {"number": 7, "moment": NOON, "is_done": True, "kind": "odd"}),
    "a row of defaults": (sa.insert(NOTES), {"number": 7}),
    "a row given back": (
        sa.insert(NOTES).returning(N.id, N.moment),
        {"number": 7, "moment": NOON, "kind": "odd"},
    ),
    "several rows": (sa.insert(NOTES), [{"number": n, "moment": NOON} for n in (7, 8)]),
    "several rows given back": (
        sa.insert(NOTES).returning(N.number),
        [{"number": n, "kind": "odd"} for n in (7, 8)],
    ),
    "a change": (
        sa.update(NOTES).where(N.id == bindparam("which")),
        {"which": 1, "moment": None, "is_done": False},
    ),
    "several changes": (
        sa.update(NOTES).where(N.id == bindparam("which")),
        [{"which": 1, "kind": "odd"}, {"which": 2, "kind": "even"}],
    ),
    "what goes": (sa.delete(NOTES).where(N.number > 1), None),
    "what goes is given back": (sa.delete(NOTES).where(N.number > 1).returning(N.moment), None),
}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite+aiosqlite:///{tmp_path}/notes.sqlite3")
    async with opened.engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    async with opened.transaction() as session:
        rows = [
            {"number": n, "moment": NOON + timedelta(hours=n - 2), "is_done": n % 2 == 0}
            for n in (1, 2, 3)
        ]
        await session.execute(sa.insert(NOTES), rows)
    yield opened
    await opened.close()


@contextmanager
def _heard(database: Database, name: str) -> Iterator[list[Any]]:
    heard: list[Any] = []

    def note(*told: Any) -> None:
        heard.append(told)

    event.listen(database.engine.sync_engine, name, note)
    yield heard
    event.remove(database.engine.sync_engine, name, note)


def _rows(result: sa.Result[Any]) -> list[dict[str, Any]]:
    try:
        return [dict(row) for row in result.mappings()]
    except ResourceClosedError:
        return []


def _by_sqlalchemy(database: Database, statement: Any, params: Any) -> Any:
    """What a statement gives, and what all rows are then; undone."""
    engine = sa.create_engine(f"sqlite:///{database.engine.url.database}")
    with engine.connect() as connection:
        given = _rows(connection.execute(statement, params))
        outcome = given, _rows(connection.execute(EVERYTHING))
    engine.dispose()
    return outcome


class _UndoneError(Exception):
    """Ends a transaction, so that the next one finds all as it was."""


async def _by_us(database: Database, statement: Any, params: Any) -> Any:
    outcome: Any = None
    with suppress(_UndoneError):
        async with database.transaction() as session:
            given = _rows(await session.execute(statement, params))
            outcome = given, _rows(await session.execute(EVERYTHING))
            raise _UndoneError
    return outcome


@pytest.mark.parametrize("name", [*READS, *WRITES])
async def test_it_does_each_time_what_it_did_at_first(database: Database, name: str) -> None:
    statement, params = (READS | WRITES)[name]
    wanted = _by_sqlalchemy(database, statement, params)

    for _ in range(3):
        assert await _by_us(database, statement, params) == wanted


async def test_only_the_first_time_is_sqlalchemys_and_listeners_hear_of_each(
    database: Database,
) -> None:
    statement = sa.select(N.id).where(N.number == bindparam("number"))
    with (
        _heard(database, "before_execute") as executions,
        _heard(database, "before_cursor_execute") as sent,
    ):
        async with database.reading() as session:
            for number in (1, 2, 3):
                assert await session.scalar(statement, {"number": number}) == number

    assert len(executions) == 1
    assert [values for _, _, _, values, _, _ in sent] == [(1,), (2,), (3,)]


async def test_other_names_are_another_statement(database: Database) -> None:
    change = sa.update(NOTES).where(N.id == bindparam("which"))
    for new in ({"kind": "odd"}, {"is_done": None}, {"kind": "even"}, {"is_done": True}):
        async with database.transaction() as session:
            await session.execute(change, {"which": 1, **new})
    async with database.reading() as session:
        row = (await session.execute(sa.select(NOTES).where(N.id == 1))).one()

    assert (row.kind, row.is_done) == ("even", True)


async def test_each_way_to_read_a_result_stays(database: Database) -> None:
    everything = sa.select(N.number, N.moment).order_by(N.id)
    of_one = sa.select(N.number, N.moment).where(N.id == bindparam("which"))
    async with database.reading() as session:
        for _ in range(3):
            assert (await session.scalars(everything)).all() == [1, 2, 3]
            rows = (await session.execute(everything)).all()
            assert [row.moment for row in rows] == [NOON + timedelta(hours=n) for n in (-1, 0, 1)]
            assert (await session.execute(of_one, {"which": 9})).one_or_none() is None
            assert (await session.execute(of_one, {"which": 2})).one() == (2, NOON)
            assert (await session.execute(of_one, {"which": 2})).scalar_one() == 2
            assert await session.scalar(of_one, {"which": 9}) is None


async def test_a_value_that_is_missing_is_told_each_time(database: Database) -> None:
    statement = sa.select(N.id).where(N.number == bindparam("number"))
    async with database.reading() as session:
        await session.execute(statement, {"number": 1})
        for _ in range(2):
            with pytest.raises(Exception, match="number"):
                await session.execute(statement, {})


async def test_what_fails_is_sqlalchemys_error_each_time_and_leaves_nothing(
    database: Database,
) -> None:
    add = sa.insert(NOTES).returning(N.id)

    async def add_two(number: int) -> None:
        async with database.transaction() as session:
            await session.execute(add, {"number": number, "kind": "odd"})
            await session.execute(add, {"number": 1, "kind": "odd"})

    for number in (4, 5, 6):
        with pytest.raises(IntegrityError, match=r"notes\.number") as failure:
            await add_two(number)
        assert "INSERT INTO notes" in str(failure.value.statement)
    async with database.reading() as session:
        assert (await session.scalars(sa.select(N.number).order_by(N.id))).all() == [1, 2, 3]


async def test_statements_built_anew_each_time_are_not_kept(database: Database) -> None:
    statements = PreparedStatements(database.engine.dialect)
    for number in range(100):
        assert statements.find(sa.select(N.id).where(N.number == number), None) is None
    gc.collect()

    assert len(statements._known) < 10
