"""Every SELECT of this service. Reads for a person take that person's id."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, bindparam, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.files.models import (
    OUTPUT,
    DepartedOwner,
    DoomedBlob,
    File,
    FileReference,
    OwnerTotal,
)
from services.files.schemas import FileFilter
from shared.db import col, lock_name, table_of
from shared.errors import NotFound
from shared.messaging.tables import processed_events
from shared.paging import Orders, Page
from shared.selections import Narrowing, Selection

COLUMNS: tuple[Any, ...] = (
    col(File.id),
    col(File.owner_id),
    col(File.name),
    col(File.kind),
    col(File.tags),
    col(File.parent_id),
    col(File.size),
    col(File.sha256),
    col(File.uploaded_at),
)
FILE_ORDERS = Orders(
    {"id": col(File.id), "date_uploaded": col(File.uploaded_at)}, created=col(File.uploaded_at)
)
# What it takes to serve a file's content.
BLOB_COLUMNS: tuple[Any, ...] = (
    col(File.name),
    col(File.blob_key),
    col(File.size),
    col(File.sha256),
)
TABLE = table_of(File)
PARENT = TABLE.alias("parent")
FILES = Selection(select(*COLUMNS))
# A parent and its child, children ascending.
VERSIONS = Selection(
    select(col(File.parent_id), col(File.id))
    .join(PARENT, col(File.parent_id) == PARENT.c.id)
    # The join says so, too; but PostgreSQL, before it has counted any, compares each with each.
    .where(col(File.parent_id).is_not(None))
    .order_by(col(File.id))
)
# Which blob belongs to which file.
KEY_COLUMNS: tuple[Any, ...] = (col(File.blob_key), col(File.id), col(File.size))
LOCK_FILES = (
    select(*COLUMNS)
    .where(col(File.id).in_(bindparam("ids", expanding=True)))
    .order_by(col(File.id))
    .with_for_update(read=True)
)
DEPARTED = select(col(DepartedOwner.owner_id)).where(
    col(DepartedOwner.owner_id) == bindparam("owner_id")
)
TOTAL = select(col(OwnerTotal.bytes)).where(col(OwnerTotal.owner_id) == bindparam("owner_id"))
STANDING = select(exists(DEPARTED), func.coalesce(TOTAL.scalar_subquery(), 0))
# Asked every few seconds, for ever.
UNCLAIMED = select(col(File.id)).where(col(File.unclaimed_until) <= bindparam("now")).limit(1)
DUE = (
    select(col(DoomedBlob.key), col(DoomedBlob.due_at))
    .where(col(DoomedBlob.due_at) <= bindparam("now"))
    .limit(bindparam("limit"))
)
# What it takes to delete a file.
DOOMED_COLUMNS: tuple[Any, ...] = (
    col(File.id),
    col(File.owner_id),
    col(File.blob_key),
    col(File.size),
)


def _narrowing(wanted: FileFilter, files: Any = TABLE) -> Narrowing:
    return (
        (files.c.owner_id, None if wanted.only_owner is None else [wanted.only_owner]),
        (files.c.id, wanted.ids),
        (files.c.owner_id, wanted.owners),
        (files.c.kind, None if wanted.kind is None else [wanted.kind]),
    )


async def list_files(
    session: AsyncSession, wanted: FileFilter, page: Page | None = None
) -> Sequence[Any]:
    """Ascending, as the contract has it."""
    return await FILES.rows(session, _narrowing(wanted), page or Page(FILE_ORDERS))


async def list_versions(session: AsyncSession, wanted: FileFilter) -> dict[int, list[int]]:
    """Ids of the children, ascending, that the caller may see, by parent: for a whole list."""
    only_visible = (col(File.owner_id), None if wanted.only_owner is None else [wanted.only_owner])
    rows = await VERSIONS.rows(session, (only_visible, *_narrowing(wanted, PARENT)))
    versions: dict[int, list[int]] = {}
    for parent_id, child_id in rows:
        versions.setdefault(parent_id, []).append(child_id)
    return versions


async def get_row(session: AsyncSession, file_id: int, *, only_owner: int | None) -> Any:
    """To be shown: plain columns, past the ORM."""
    rows = await list_files(session, FileFilter(only_owner, ids=[file_id]))
    if not rows:
        raise NotFound
    return rows[0]


async def get_file(session: AsyncSession, file_id: int, *, only_owner: int | None) -> File:
    file = await session.get(File, file_id)
    return _visible(file, only_owner)


async def find_standing(session: AsyncSession, owner_id: int) -> tuple[bool, int]:
    """Whether a user is gone, and the bytes of all their files; both until this transaction ends,
    because nobody else stores anything for them: two uploads at once must not both just fit.
    """
    await lock_name(session, f"owner {owner_id}", is_alone=True)
    is_gone, used = (await session.execute(STANDING, {"owner_id": owner_id})).one()
    return bool(is_gone), int(used)


async def has_file(session: AsyncSession, file_id: int, *, only_owner: int | None) -> bool:
    file = await session.get(File, file_id)
    return file is not None and only_owner in (None, file.owner_id)


async def lock_file(session: AsyncSession, file_id: int, *, only_owner: int | None) -> File:
    """Nobody else holds, changes or deletes it until this transaction ends."""
    file = await session.get(File, file_id, with_for_update=True)
    return _visible(file, only_owner)


def _visible(file: File | None, only_owner: int | None) -> File:
    if file is None or (only_owner is not None and file.owner_id != only_owner):
        raise NotFound
    return file


async def lock_files(session: AsyncSession, file_ids: Sequence[int]) -> Sequence[Any]:
    """Ascending; nobody deletes one of them until this transaction ends."""
    return (await session.execute(LOCK_FILES, {"ids": list(file_ids)})).all()


async def find_blob(session: AsyncSession, file_id: int) -> Row[Any] | None:
    """What serving a file's content takes."""
    statement = select(*BLOB_COLUMNS)
    return (await session.execute(statement.where(col(File.id) == file_id))).one_or_none()


async def is_departed(session: AsyncSession, owner_id: int) -> bool:
    """They do not depart until this transaction ends."""
    await lock_name(session, f"owner {owner_id}", is_alone=False)
    return await session.scalar(DEPARTED, {"owner_id": owner_id}) is not None


async def list_references(session: AsyncSession, file_id: int) -> Sequence[FileReference]:
    statement = select(FileReference).where(col(FileReference.file_id) == file_id)
    return (await session.scalars(statement)).all()


async def list_outputs_held_by(session: AsyncSession, holder: str) -> set[int]:
    statement = select(col(FileReference.file_id)).where(
        col(FileReference.holder) == holder, col(FileReference.role) == "output"
    )
    return set((await session.scalars(statement)).all())


async def lock_files_of_owner(session: AsyncSession, owner_id: int) -> Sequence[Any]:
    statement = select(*DOOMED_COLUMNS).where(col(File.owner_id) == owner_id)
    # Everybody locks in this order, so nobody waits for one who waits for them.
    return (await session.execute(statement.order_by(col(File.id)).with_for_update())).all()


async def lock_outputs_of(
    session: AsyncSession, holder: str, listed_ids: Sequence[int]
) -> Sequence[Any]:
    """What a run made: still an output, or listed by a job; never what any run took as input."""
    is_output = exists().where(
        and_(
            col(FileReference.file_id) == File.id,
            col(FileReference.holder) == holder,
            col(FileReference.role) == "output",
        )
    )
    is_input = exists().where(
        and_(col(FileReference.file_id) == File.id, col(FileReference.role) == "input")
    )
    is_made = or_(col(File.kind) == OUTPUT, col(File.id).in_(listed_ids))
    statement = select(*DOOMED_COLUMNS).where(is_output, ~is_input, is_made)
    return (await session.execute(statement.order_by(col(File.id)).with_for_update())).all()


async def any_unclaimed(session: AsyncSession, now: datetime) -> bool:
    return (await session.scalars(UNCLAIMED, {"now": now})).first() is not None


async def lock_unclaimed(session: AsyncSession, now: datetime, *, limit: int) -> Sequence[Any]:
    """What backends have uploaded and no run has taken in time."""
    statement = select(*DOOMED_COLUMNS).where(col(File.unclaimed_until) <= now)
    return (
        await session.execute(statement.order_by(col(File.id)).limit(limit).with_for_update())
    ).all()


async def list_due_blobs(session: AsyncSession, now: datetime, *, limit: int) -> Sequence[Any]:
    """(key, due at)."""
    return (await session.execute(DUE, {"now": now, "limit": limit})).all()


async def blobs_by_key(session: AsyncSession) -> dict[str, tuple[int, int]]:
    """Id and size of every file, by the key of its blob."""
    rows = await session.execute(select(*KEY_COLUMNS))
    return {key: (file_id, size) for key, file_id, size in rows.all()}


async def hashes_by_key(session: AsyncSession) -> dict[str, str]:
    """The SHA-256 of every file, by the key of its blob."""
    rows = await session.execute(select(col(File.blob_key), col(File.sha256)))
    return {row.blob_key: row.sha256 for row in rows.all()}


async def list_doomed_keys(session: AsyncSession) -> set[str]:
    return set((await session.scalars(select(col(DoomedBlob.key)))).all())


async def sum_of_files(session: AsyncSession) -> tuple[int, int]:
    """How many there are, and the bytes of all their contents."""
    statement = select(func.count(), func.coalesce(func.sum(col(File.size)), 0)).select_from(File)
    count, size = (await session.execute(statement)).one()
    return count, int(size)


def handled_before(moment: datetime, *, limit: int) -> Select[Any]:
    """The keys of events in the inbox, for use in another statement."""
    old = processed_events.c.processed_at < moment
    return select(*processed_events.primary_key).where(old).limit(limit)


async def count_doomed(session: AsyncSession) -> int:
    return int(await session.scalar(select(func.count()).select_from(DoomedBlob)) or 0)
