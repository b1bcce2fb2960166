"""Statements that are asked again and again on SQLite: their text, and how values go in and out.

SQLAlchemy's way through an execution takes several times as long as SQLite's own. What a statement
needs of it never changes, so it is found out once; from then on values go straight to the driver.
Only what is simple is prepared: all else, and each statement's first execution, is SQLAlchemy's.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, SelectBase, UpdateBase
from sqlalchemy.engine import Dialect, IteratorResult, Result
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler


class Prepared:
    """One statement, for values of the same names."""

    def __init__(self, compiled: SQLCompiler):
        dialect, columns = compiled.dialect, compiled._result_columns
        self._sql = compiled.string
        binds = compiled.bind_names.items()
        self._given = {name: bind.value for bind, name in binds if not bind.required}
        self._places = [
            (name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]
        self._heading = SimpleResultMetaData(
            [column.keyname for column in columns],
            _processors=[
                column.type.dialect_impl(dialect).result_processor(dialect, None)
                for column in columns
            ],
        )

    def run(self, connection: Connection, params: Any) -> Result[Any]:
        cursor, is_many = connection.connection.cursor(), isinstance(params, list)
        values: Any = [*map(self._inward, params)] if is_many else self._inward(params or {})
        for hear in connection.dispatch.before_cursor_execute:
            hear(connection, cursor, self._sql, values, None, is_many)
        try:
            (cursor.executemany if is_many else cursor.execute)(self._sql, values)
            return IteratorResult(self._heading, iter(cursor.fetchall()))
        except sqlite3.Error as error:
            raise DBAPIError.instance(self._sql, values, error, sqlite3.Error) from error

    def _inward(self, params: Any) -> tuple[Any, ...]:
        values = self._given | params
        return tuple(
            [convert(values[name]) if convert else values[name] for name, convert in self._places]
        )


class PreparedStatements:
    """A statement that comes a second time was built to be kept, and is prepared."""

    def __init__(self, dialect: Dialect):
        self._dialect = dialect
        self._known: WeakKeyDictionary[Any, dict[Any, Prepared | None]] = WeakKeyDictionary()

    def find(self, statement: Any, params: Any) -> Prepared | None:
        known = self._known.get(statement)
        if known is None:
            self._known[statement] = {}
            return None
        is_many = isinstance(params, list)
        names = tuple((params[0] if is_many else params) or ())
        if (is_many, names) not in known:
            known[is_many, names] = self._prepare(statement, names, is_many)
        return known[is_many, names]

    def _prepare(self, statement: Any, names: Sequence[str], is_many: bool) -> Prepared | None:
        if not isinstance(statement, SelectBase | UpdateBase):
            return None
        compiled = statement.compile(dialect=self._dialect, column_keys=names)
        assert isinstance(compiled, SQLCompiler)
        is_simple = not (
            compiled.post_compile_params
            or compiled.literal_execute_params
            or compiled.escaped_bind_names
            or compiled.insert_prefetch
            or compiled.update_prefetch
            or compiled._ad_hoc_textual
            or (is_many and compiled._result_columns)
            or any(bind.callable for bind in compiled.bind_names)
        )
        return Prepared(compiled) if is_simple else None
