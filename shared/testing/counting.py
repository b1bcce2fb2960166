"""What a request costs in things that can be counted, so that a test can hold it to them exactly.

Times differ from machine to machine; statements, internal calls and messages do not.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, func, select

from shared.db import Database
from shared.messaging.tables import outbox
from shared.testing.peers import Peers

# Asked by PostgreSQL alone; SQLite keeps the same at hand.
VERSION = "SELECT pg_current_snapshot()"


@dataclass
class Counts:
    """`statements` with their parameters, in order."""

    statements: list[tuple[str, Any]] = field(default_factory=list)
    calls: int = 0
    messages: int = 0

    @property
    def all(self) -> tuple[int, int, int]:
        """(SQL statements, internal calls, NATS messages)"""
        return len(self.statements), self.calls, self.messages


@asynccontextmanager
async def counting(database: Database, peers: Peers) -> AsyncIterator[Counts]:
    """Everything that happens inside; what the block itself asks the database counts too."""
    counts = Counts()
    asked, waiting = len(peers.asked), await _outbox_rows(database)

    def note(
        _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        if not statement.startswith(VERSION):
            counts.statements.append((statement, parameters))

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield counts
    finally:
        event.remove(engine, "before_cursor_execute", note)
    counts.calls = len(peers.asked) - asked
    counts.messages = await _outbox_rows(database) - waiting


async def _outbox_rows(database: Database) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(outbox)) or 0
