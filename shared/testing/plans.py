"""Whether a statement finds its rows by an index, read from the database's own plan for it.

A scan or a sort is fast while there is little, so no test of times or results would ever notice.
"""

import json
from typing import Any

from sqlalchemy import text

from shared.db import Database
from shared.testing.counting import Counts

# What the two databases call a step that reads a whole table, and one that sorts what was read.
SCANS = ("SCAN", "Seq Scan")
# Of a SELECT that reads no table itself, only by what is asked within it.
NO_TABLE = "SCAN CONSTANT ROW"
SORTS = ("USE TEMP B-TREE", "Sort", "Incremental Sort")


async def scans(database: Database, counts: Counts) -> list[str]:
    """Of all statements that were counted: each step that reads a whole table."""
    return await _steps(database, counts, SCANS)


async def sorts(database: Database, counts: Counts) -> list[str]:
    """Each step that sorts: for a page of few rows it would read all that there are."""
    return await _steps(database, counts, SORTS)


async def searches(database: Database, counts: Counts) -> list[str]:
    """Each step that finds rows by an index, with what it looks for; on SQLite."""
    return await _steps(database, counts, ("SEARCH",))


async def _steps(database: Database, counts: Counts, kinds: tuple[str, ...]) -> list[str]:
    reads = [each for each in counts.statements if each[0].lstrip().startswith("SELECT")]
    find = _on_sqlite if database.is_sqlite else _on_postgres
    return [
        f"{step}: {statement}"
        for statement, values in reads
        for step in await find(database, statement, values)
        if step.startswith(kinds) and step != NO_TABLE
    ]


async def _on_sqlite(database: Database, statement: str, values: Any) -> list[str]:
    async with database.reading() as session:
        connection = await session.connection()
        rows = await connection.run_sync(
            lambda plain: plain.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
        )
    return [row.detail for row in rows]


async def _on_postgres(database: Database, statement: str, values: Any) -> list[str]:
    """What little there is is always scanned and sorted; who does so when it is forbidden must."""
    async with database.transaction() as session:
        for way in ("seqscan", "bitmapscan", "sort"):
            await session.execute(text(f"SET LOCAL enable_{way} = off"))
        connection = await session.connection()
        explain = f"EXPLAIN (FORMAT JSON) {statement}"
        plan = (await connection.exec_driver_sql(explain, values)).scalar_one()
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return _nodes(plan[0]["Plan"])


def _nodes(plan: dict[str, Any]) -> list[str]:
    below = [node for part in plan.get("Plans", ()) for node in _nodes(part)]
    return [plan["Node Type"], *below]
