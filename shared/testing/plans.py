"""Whether a statement finds its rows by an index, read from the database's own plan for it.

A scan is fast while there is little, so no test of times or results would ever notice.
"""

import json
from typing import Any

from sqlalchemy import text

from shared.db import Database
from shared.testing.counting import Counts


async def scans(database: Database, counts: Counts) -> list[str]:
    """Of all statements that were counted: each step that reads a whole table or sorts it."""
    reads = [each for each in counts.statements if each[0].lstrip().startswith("SELECT")]
    find = _on_sqlite if database.is_sqlite else _on_postgres
    return [step for statement, values in reads for step in await find(database, statement, values)]


async def _on_sqlite(database: Database, statement: str, values: Any) -> list[str]:
    async with database.reading() as session:
        connection = await session.connection()
        rows = await connection.run_sync(
            lambda plain: plain.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
        )
    return [f"{row.detail}: {statement}" for row in rows if row.detail.startswith("SCAN")]


async def _on_postgres(database: Database, statement: str, values: Any) -> list[str]:
    """An empty table is always scanned, unless that is forbidden; who scans then has no index."""
    async with database.transaction() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        connection = await session.connection()
        explain = f"EXPLAIN (FORMAT JSON) {statement}"
        plan = (await connection.exec_driver_sql(explain, values)).scalar_one()
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return [f"{node}: {statement}" for node in _nodes(plan[0]["Plan"]) if node == "Seq Scan"]


def _nodes(plan: dict[str, Any]) -> list[str]:
    below = [node for part in plan.get("Plans", ()) for node in _nodes(part)]
    return [plan["Node Type"], *below]
