"""How many bytes the files of each owner have, moved by whatever adds, moves or deletes a file.

Summed up anew, they would make every upload of somebody with many files dearer than the last.
Invariant: when a transaction ends, a total is the sum of the sizes of its owner's files.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, delete
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.files.models import OwnerTotal
from shared.db import col, is_on_sqlite, table_of

ADD_ON_SQLITE, ADD_ON_POSTGRES = (
    added.on_conflict_do_update(
        index_elements=["owner_id"], set_={"bytes": col(OwnerTotal.bytes) + added.excluded.bytes}
    )
    for added in (
        sqlite_insert(table_of(OwnerTotal)),
        postgres_insert(table_of(OwnerTotal)),
    )
)
FORGET_EMPTY = delete(table_of(OwnerTotal)).where(
    col(OwnerTotal.owner_id).in_(bindparam("owners", expanding=True)), col(OwnerTotal.bytes) == 0
)


async def add(session: AsyncSession, by_owner: Mapping[int, int]) -> None:
    """So many bytes more, or less, for each of these owners; after their files are locked."""
    rows = [{"owner_id": owner, "bytes": more} for owner, more in sorted(by_owner.items())]
    await session.execute(ADD_ON_SQLITE if is_on_sqlite(session) else ADD_ON_POSTGRES, rows)
    if losers := [owner for owner, more in by_owner.items() if more < 0]:
        await session.execute(FORGET_EMPTY, {"owners": losers})


async def take_off(session: AsyncSession, files: Iterable[Any]) -> None:
    """These files are gone."""
    gone: Counter[int] = Counter()
    for file in files:
        gone[file.owner_id] -= file.size
    if gone:
        await add(session, gone)
