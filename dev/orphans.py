"""Compares the five databases and the blob store, and names what belongs to nothing any more.

Each service looks after its own; only a look at all of them shows what one forgot. Works while the
system runs, but what is just on its way between two services looks like an orphan then: ask again.
Invariant: it only reads.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnClause, column, select, table, text
from sqlalchemy.exc import SQLAlchemyError

from dev.environment import PREFIX, ROOT, data_dir_of, read_settings
from dev.faults import told_in_one_sentence
from dev.preflight import StartupFault
from shared.db import Database

ALL_ROWS = "1 = 1"
SERVICES = ("users", "files", "modules", "pipelines", "runs")


@dataclass(frozen=True)
class Reference:
    """A column of one service that holds the keys of another's rows."""

    service: str
    table: str
    column: str
    target_service: str
    target_table: str
    target_column: str = "id"
    condition: str = ALL_ROWS

    @property
    def name(self) -> str:
        return f"{self.service}: {self.table}.{self.column}"


REFERENCES = (
    # Revoked tokens stay: they are how a lost list of revocations is made anew.
    Reference(
        *("users", "tokens", "user_id", "users", "users"),
        condition="revoked_at IS NULL",
    ),
    Reference("files", "files", "owner_id", "users", "users"),
    Reference("files", "owner_totals", "owner_id", "users", "users"),
    Reference("pipelines", "pipelines", "owner_id", "users", "users"),
    Reference("runs", "runs", "owner_id", "users", "users"),
    Reference("runs", "jobs", "owner_id", "users", "users"),
    Reference("runs", "backends", "owner_id", "users", "users"),
    Reference("runs", "webhooks", "owner_id", "users", "users"),
    Reference("files", "files", "parent_id", "files", "files"),
    Reference("files", "file_references", "file_id", "files", "files"),
    Reference("runs", "run_files", "file_id", "files", "files"),
    Reference("runs", "job_outputs", "file_id", "files", "files"),
    Reference("modules", "functions", "module_id", "modules", "modules"),
    Reference("pipelines", "tasks", "pipeline_id", "pipelines", "pipelines"),
    Reference("pipelines", "tasks", "function_id", "modules", "functions"),
    Reference("runs", "runs", "pipeline_id", "pipelines", "pipelines"),
    Reference("runs", "jobs", "task_id", "pipelines", "tasks"),
    Reference("runs", "jobs", "run_id", "runs", "runs"),
    Reference("runs", "jobs", "parent_id", "runs", "jobs"),
    Reference("runs", "run_files", "run_id", "runs", "runs"),
    Reference("runs", "job_outputs", "job_id", "runs", "jobs"),
    Reference("runs", "attempt_outputs", "job_id", "runs", "jobs"),
    Reference("runs", "attempt_outputs", "file_id", "files", "files"),
    Reference("runs", "job_attempts", "job_id", "runs", "jobs"),
    Reference("runs", "job_log_chunks", "job_id", "runs", "jobs"),
    # A hold that is not confirmed may be that of a run which is being made; it lets go by itself.
    Reference(
        *("files", "file_references", "holder", "runs", "runs", "holder"),
        condition="confirmed_at IS NOT NULL",
    ),
)
# Empty when nothing is on its way.
EMPTY_AT_REST = ("outbox",)


def databases(settings: Mapping[str, str]) -> dict[str, Database]:
    return {name: Database(_url(name, settings)) for name in SERVICES}


def _url(name: str, settings: Mapping[str, str]) -> str:
    if url := settings.get(f"{PREFIX}{name.upper()}_DATABASE_URL"):
        return url
    file = data_dir_of(settings) / name / f"{name}.sqlite3"
    if not file.exists():
        raise StartupFault(f"{file} does not exist: has a system run there?")
    return f"sqlite+aiosqlite:///{file}"


async def find_orphans(settings: Mapping[str, str]) -> list[str]:
    """One line per thing that is left; what it is a part of goes first when things are made."""
    opened = databases(settings)
    try:
        # Those who hold a key are read before the keys: what is made meanwhile is no orphan.
        held = [await _keys(opened[r.service], r.table, r.column, r.condition) for r in REFERENCES]
        found = []
        for reference, keys in zip(REFERENCES, held, strict=True):
            database = opened[reference.target_service]
            known = await _keys(database, reference.target_table, reference.target_column)
            kind = f"{reference.target_table}.{reference.target_column}"
            found += [f"{reference.name} is {key}: no such {kind}" for key in keys - known]
        for name, database in opened.items():
            for waiting in EMPTY_AT_REST:
                subjects = await _keys(database, waiting, "subject")
                found += [f"{name}: {waiting} still holds {subject}" for subject in subjects]
    finally:
        for database in opened.values():
            await database.close()
    return sorted(found)


async def _keys(database: Database, name: str, key: str, condition: str = ALL_ROWS) -> set[object]:
    wanted: ColumnClause[Any] = column(key)
    rows = select(wanted).select_from(table(name)).where(wanted.is_not(None), text(condition))
    async with database.reading() as session:
        return set((await session.scalars(rows)).all())


def find_blob_faults(settings: Mapping[str, str]) -> list[str]:
    """What the files service itself finds wrong with its store."""
    done = subprocess.run(
        [sys.executable, "manage.py", "checkblobs"],
        cwd=ROOT,
        env=os.environ | settings,
        check=False,
        capture_output=True,
        text=True,
    )
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


@told_in_one_sentence
def main() -> int:
    settings = read_settings()
    try:
        found = asyncio.run(find_orphans(settings)) + find_blob_faults(settings)
    except (OSError, SQLAlchemyError) as error:
        raise StartupFault(f"The databases cannot be read: {error}") from None
    print("\n".join(found) or "Nothing is left behind: every thing belongs to something.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
