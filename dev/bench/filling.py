"""Fills a system's databases by themselves: each row is a copy of one that the API has made.

One statement for many rows, so that a million take a minute; both databases understand it. Owners
of the copies need not exist: no service looks into another's database.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import inspect, text

from shared.db import Database

ROWS_PER_STATEMENT = 50_000


@dataclass(frozen=True)
class Table:
    """`values` are SQL for some columns, of the number `i` of the copy; the rest is as it was."""

    service: str
    name: str
    rows: range
    values: Mapping[str, str]
    key: str = "id"


@dataclass(frozen=True)
class Amounts:
    """How many rows there are; runs are half as many as jobs."""

    jobs: int
    files: int
    pipelines: int


def copies(owner: str, base: int, amounts: Amounts) -> list[Table]:
    """Numbered from `base` on; `owner` is SQL, of a file, pipeline or run with the number `i`."""
    files = range(base, base + amounts.files)
    pipelines = range(base, base + amounts.pipelines)
    runs = range(base, base + amounts.jobs // 2)
    pipeline = f"{pipelines.start} + i % {len(pipelines)}"
    # A job's owner is that of its run.
    # Nor is it on offer: the sweeper would have a million to announce.
    job = {
        "run_id": "i / 2",
        "parent_id": "NULL",
        "owner_id": owner.replace("i", "(i / 2)"),
        "announce_at": "NULL",
        # Most are over, as in a system that has run for years.
        "status": "CASE WHEN i % 20 = 0 THEN 'PENDING' ELSE 'FINISHED' END",
    }
    blob = {"owner_id": owner, "blob_key": "'blob-' || i", "parent_id": "NULL"}
    run = {"owner_id": owner, "holder": "'holder-' || i", "pipeline_id": pipeline}
    return [
        Table("files", "files", files, blob),
        Table("pipelines", "pipelines", pipelines, {"owner_id": owner}),
        Table("pipelines", "tasks", pipelines, {"pipeline_id": "i"}),
        Table("runs", "runs", runs, run),
        Table("runs", "run_files", runs, {}, key="run_id"),
        Table("runs", "jobs", range(runs.start * 2, runs.stop * 2), job),
    ]


async def fill(urls: Mapping[str, str], tables: list[Table]) -> None:
    """Add the copies, and let each database learn how much it has, as it would by itself."""
    databases = {service: Database(url) for service, url in urls.items()}
    try:
        for table in tables:
            await _copy(databases[table.service], table)
        await _sum_up(databases["files"])
        for database in databases.values():
            if not database.is_sqlite:
                bare = database.engine.execution_options(isolation_level="AUTOCOMMIT")
                async with bare.connect() as connection:
                    await connection.execute(text("VACUUM ANALYZE"))
    finally:
        for database in databases.values():
            await database.close()


async def _copy(database: Database, table: Table) -> None:
    columns = await _columns(database, table.name)
    values = {table.key: "i", **table.values}
    chosen = ", ".join(values.get(name, f't."{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    statement = text(
        f"INSERT INTO {table.name} ({names}) "  # noqa: S608 - names of our own
        "WITH RECURSIVE n(i) AS (SELECT CAST(:start AS BIGINT) UNION ALL "
        "SELECT i + 1 FROM n WHERE i + 1 < CAST(:stop AS BIGINT)) "
        f"SELECT {chosen} FROM n, (SELECT * FROM {table.name} ORDER BY 1 LIMIT 1) AS t"
    )
    for start in range(table.rows.start, table.rows.stop, ROWS_PER_STATEMENT):
        stop = min(start + ROWS_PER_STATEMENT, table.rows.stop)
        async with database.transaction() as session:
            await session.execute(statement, {"start": start, "stop": stop})
    if table.key == "id" and not database.is_sqlite:
        sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
        async with database.transaction() as session:
            await session.execute(text(f"SELECT setval({sequence}, {table.rows.stop})"))


async def _sum_up(files: Database) -> None:
    """What files keeps of each owner, as if each file had been uploaded."""
    async with files.transaction() as session:
        await session.execute(text("DELETE FROM owner_totals"))
        await session.execute(
            text(
                "INSERT INTO owner_totals (owner_id, bytes) "
                "SELECT owner_id, sum(size) FROM files GROUP BY owner_id"
            )
        )


async def _columns(database: Database, table: str) -> list[str]:
    async with database.reading() as session:
        connection = await session.connection()
        found = await connection.run_sync(lambda plain: inspect(plain).get_columns(table))
    return [column["name"] for column in found]
