"""Who needs a file: runs hold their inputs and outputs, so that nobody deletes them meanwhile.

A hold and a deletion lock the same row, so one of them comes first and the other sees it: a file
is never deleted under a run that was told it is there.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.files import queries
from services.files.models import INPUT, OUTPUT, File, FileReference
from services.files.schemas import Hold
from services.files.service import delete_files
from shared.auth import Caller
from shared.clock import utc_now
from shared.db import col, is_on_sqlite, table_of
from shared.errors import LINK_MISSING, InvalidFields

NOT_AN_OUTPUT = "Output file is not 'OUTPUT' kind."
NOT_THE_OWNERS = "Job owner does not own the output file"
FIELD = "files"

# Built once, and past the ORM: each of these costs several times the statement.
REFERENCES = table_of(FileReference)
CONFIRM = (
    update(REFERENCES)
    .where(
        col(FileReference.holder) == bindparam("of_holder"),
        col(FileReference.confirmed_at).is_(None),
    )
    .values(confirmed_at=bindparam("now"))
)
INSERT_ON_SQLITE, INSERT_ON_POSTGRES = (
    insert(REFERENCES).on_conflict_do_nothing() for insert in (sqlite_insert, postgres_insert)
)


async def hold_files(session: AsyncSession, caller: Caller, body: Hold) -> Sequence[Any]:
    """All of the files or none; safe to repeat. Answers with what the holder works on."""
    files = await queries.lock_files(session, body.file_ids)
    if len(files) < len(set(body.file_ids)):
        raise InvalidFields.of_field(FIELD, LINK_MISSING)
    if caller.only_owner not in (None, body.owner_id):
        raise InvalidFields.of_field(FIELD, LINK_MISSING)
    if body.role == "input":
        _check_inputs(files, body.owner_id)
    else:
        made = await queries.list_outputs_held_by(session, body.holder)
        _check_outputs(files, body.owner_id, caller, made)
        await _claim(session, [file.id for file in files])
    await _insert_references(session, files, body)
    return files


async def confirm_holder(session: AsyncSession, holder: str) -> None:
    """The run of this key exists: from now on only its deletion ends what it holds."""
    await session.execute(CONFIRM, {"of_holder": holder, "now": utc_now()})


async def let_go(session: AsyncSession, holder: str) -> None:
    """No run will be made under this key. One that was made keeps what it has."""
    await session.execute(
        delete(REFERENCES).where(
            col(FileReference.holder) == holder, col(FileReference.confirmed_at).is_(None)
        )
    )


async def release_holder(
    session: AsyncSession, holder: str, *, output_file_ids: Sequence[int]
) -> None:
    """A run is gone: its outputs go, even where another job lists them; its inputs stay."""
    await delete_files(session, await queries.lock_outputs_of(session, holder, output_file_ids))
    await session.execute(delete(REFERENCES).where(col(FileReference.holder) == holder))


def _check_inputs(files: Sequence[Any], owner_id: int) -> None:
    if any(file.owner_id != owner_id or file.kind != INPUT for file in files):
        raise InvalidFields.of_field(FIELD, LINK_MISSING)


def _check_outputs(files: Sequence[Any], owner_id: int, caller: Caller, made: set[int]) -> None:
    """What the run has made counts as an output, whatever its kind has become since.

    What a job was given itself may be handed on, too; runs does not ask about that.
    """
    is_foreign = any(file.owner_id != owner_id for file in files)
    if is_foreign and not caller.is_staff:
        raise InvalidFields.of_field(FIELD, LINK_MISSING)
    if any(file.kind != OUTPUT and file.id not in made for file in files):
        raise InvalidFields.of_field(FIELD, NOT_AN_OUTPUT)
    if is_foreign:
        raise InvalidFields.of_field(FIELD, NOT_THE_OWNERS)


async def _claim(session: AsyncSession, file_ids: Sequence[int]) -> None:
    """A run has them now."""
    unclaimed = col(File.id).in_(file_ids), col(File.unclaimed_until).is_not(None)
    await session.execute(update(File).where(*unclaimed).values(unclaimed_until=None))


async def _insert_references(session: AsyncSession, files: Sequence[Any], body: Hold) -> None:
    if not files:
        return
    now = utc_now()
    rows = [
        {"file_id": file.id, "holder": body.holder, "role": body.role, "created_at": now}
        for file in files
    ]
    await session.execute(INSERT_ON_SQLITE if is_on_sqlite(session) else INSERT_ON_POSTGRES, rows)
