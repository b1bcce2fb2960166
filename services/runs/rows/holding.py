"""Runs and jobs as a transaction has them in hand: plain typed rows.

Past the ORM, whose book-keeping costs several times its statements. They are read by `queries`,
changed in memory, and written by one UPDATE of the columns that differ: just before the commit, or
earlier by `write`, so that later statements see it. In one transaction there is one row of a thing,
however often it is read.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.models import Job, Run
from shared.db import table_of, write_last

_HELD = "rows_held"


@dataclass
class RunRow:
    """`models.Run`; its fields, and what they mean, are found there."""

    id: int
    owner_id: int
    pipeline_id: int
    holder: str
    created_at: datetime
    status: str = "PENDING"
    started_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass
class JobRow:
    """`models.Job`; its fields, and what they mean, are found there."""

    id: int
    run_id: int
    owner_id: int
    parent_id: int | None
    created_at: datetime
    task_id: int
    function: str
    module: str
    repo_url: str
    commit: str
    arguments: str
    timeout_seconds: int | None
    status: str = "PENDING"
    output: str | None = None
    log_bytes: int | None = None
    log_base: int = 0
    log_cut_at: int | None = None
    log_edition: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempt: int = 0
    attempts_spared: int = 0
    worker: str = ""
    lease_hash: str | None = None
    lease_expires_at: datetime | None = None
    deadline_at: datetime | None = None
    ready_at: datetime | None = None
    announce_at: datetime | None = None
    announcements: int = 0


R = TypeVar("R", RunRow, JobRow)


class Kind(Generic[R]):
    """How rows of one class are read and written, by statements that are built once."""

    def __init__(self, row: type[R], model: type):
        table = table_of(model)
        self.row: type[R] = row
        self.names = tuple(field.name for field in fields(row))
        self.columns = tuple(table.c[name] for name in self.names)
        self.insert = insert(table).returning(table.c.id)
        self.update = update(table).where(table.c.id == bindparam("row_id"))


RUNS: Kind[RunRow] = Kind(RunRow, Run)
JOBS: Kind[JobRow] = Kind(JobRow, Job)


@dataclass
class _Held:
    kind: Kind[Any]
    row: Any
    # As the database has it.
    stored: tuple[Any, ...]


def hold(session: AsyncSession, kind: Kind[R], values: Sequence[Any]) -> R:
    """A row that was read; what is changed of it from now on is written."""
    held: dict[Any, _Held] | None = session.info.get(_HELD)
    if held is None:
        held = session.info[_HELD] = {}
        write_last(session, write)
    key = (kind, values[0])
    if key not in held:
        held[key] = _Held(kind, kind.row(*values), tuple(values))
    row: R = held[key].row
    return row


async def write(session: AsyncSession) -> None:
    """What was changed so far, in the order in which the rows were read; rows alike at once."""
    alike: defaultdict[tuple[Kind[Any], tuple[str, ...]], list[dict[str, Any]]] = defaultdict(list)
    for held in session.info.get(_HELD, {}).values():
        values = tuple(vars(held.row).values())
        pairs = zip(held.kind.names, held.stored, values, strict=True)
        changed = {name: new for name, old, new in pairs if new != old}
        if changed:
            alike[held.kind, tuple(changed)].append({"row_id": held.row.id, **changed})
            held.stored = values
    for (kind, _), changes in alike.items():
        await session.execute(kind.update, changes)


async def add(session: AsyncSession, kind: Kind[R], row: R) -> None:
    """A new one, written at once, for what comes after it names it by its id."""
    values = dict(vars(row))
    del values["id"]
    row.id = (await session.scalars(kind.insert, values)).one()
