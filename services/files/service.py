"""The rules of files: who may add, change and delete them, and what goes when they go."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.files import queries, totals
from services.files.errors import FileInUse, NoSuchLink, QuotaExceeded
from services.files.models import AT_ONCE, INPUT, OUTPUT, DoomedBlob, File, FileReference
from services.files.presenter import Presenter
from services.files.schemas import (
    FileChange,
    FileUpload,
    StaffFileChange,
    StaffFileReplacement,
    StaffFileUpload,
)
from services.files.uploads import Upload
from shared.auth import Caller
from shared.bodies import Submission
from shared.clients.runs import RunsClient
from shared.clients.users import UsersClient
from shared.clock import utc_now
from shared.db import Database, col, table_of
from shared.errors import Forbidden, InvalidFields, Unauthenticated, Unavailable
from shared.events.files import FileDeleted
from shared.idempotency import keep_created
from shared.messaging.outbox import publish

# Between storing a blob and storing its file; a crash in that time leaves the blob to the sweeper.
ARRIVAL_SECONDS = 3600
ROWS_PER_STATEMENT = 500
# Past the ORM, whose flushes cost several times the statement.
INSERT_DOOMED = insert(table_of(DoomedBlob))
SPARE = (
    delete(table_of(DoomedBlob))
    .where(col(DoomedBlob.key) == bindparam("of_key"), col(DoomedBlob.due_at) > AT_ONCE)
    .returning(col(DoomedBlob.key))
)
INSERT_FILE = insert(table_of(File)).returning(*queries.COLUMNS)


async def add_file(
    database: Database,
    caller: Caller,
    upload: Upload,
    presenter: Presenter,
    *,
    users: UsersClient,
    unclaimed_seconds: int,
    user_bytes_max: int,
) -> dict[str, Any]:
    """The file exists once its blob is whole; a refusal keeps nothing of it."""
    model = StaffFileUpload if caller.is_staff else FileUpload
    right, faults = upload.judge(model)
    if right.get("kind", INPUT) != OUTPUT and not caller.may("files:write"):
        raise Forbidden("A token for jobs uploads what jobs make: send kind OUTPUT.")
    await _refuse(database, caller, right, faults, users=users)
    body = upload.submission.into(model)
    owner_id = body.owner if isinstance(body, StaffFileUpload) else caller.user_id
    blob = upload.blob
    assert blob is not None, "an upload without a blob is refused above"
    size, due_at = blob.size, _in(ARRIVAL_SECONDS)

    async def check(session: AsyncSession) -> None:
        """Early, so that nothing is stored in vain; and in the transaction that stores the file."""
        is_gone, used = await queries.find_standing(session, owner_id)
        _refuse_departed(caller, owner_id, is_gone)
        await _check_parent(session, caller, body.parent_file)
        if used + size > user_bytes_max:
            raise QuotaExceeded(size=size, used=used, bytes_max=user_bytes_max)

    async with database.transaction() as session:
        await check(session)
        await session.execute(INSERT_DOOMED, {"key": blob.key, "due_at": due_at})
    await blob.keep()
    async with database.transaction() as session:
        await check(session)
        if await _spare(session, blob.key):
            row = {
                "owner_id": owner_id,
                "name": upload.name,
                "kind": body.kind,
                "tags": body.tags,
                "parent_id": body.parent_file,
                "blob_key": blob.key,
                "size": size,
                "sha256": blob.sha256,
                "uploaded_at": utc_now(),
                "unclaimed_until": None if caller.may("files:write") else _in(unclaimed_seconds),
            }
            file = (await session.execute(INSERT_FILE, row)).one()
            await totals.add(session, {owner_id: size})
            return await keep_created(session, presenter.show_one(file, {}))
    raise Unavailable


async def _spare(session: AsyncSession, key: str) -> bool:
    """Whether a blob that is whole may stay: not once the sweeper took its upload for dead.

    What it removed may have been put in place only now, so it is to look again.
    """
    spared = await session.scalars(SPARE, {"of_key": key})
    if spared.first() is not None:
        return True
    await session.execute(delete(DoomedBlob).where(col(DoomedBlob.key) == key))
    await session.execute(INSERT_DOOMED, {"key": key, "due_at": utc_now()})
    return False


def _in(seconds: int) -> datetime:
    return utc_now() + timedelta(seconds=seconds)


async def change_file(
    database: Database,
    caller: Caller,
    file_id: int,
    submission: Submission,
    *,
    users: UsersClient,
    is_replacement: bool = False,
) -> File:
    """Existence is judged before the body, as the contract orders it."""
    async with database.reading() as session:
        await queries.get_file(session, file_id, only_owner=caller.only_owner)
    staff_body = StaffFileReplacement if is_replacement else StaffFileChange
    changes, faults = submission.judge(staff_body if caller.is_staff else FileChange)
    await _refuse(database, caller, changes, faults, users=users)
    async with database.transaction() as session:
        file = await queries.lock_file(session, file_id, only_owner=caller.only_owner)
        owner_id = changes.get("owner", file.owner_id)
        await _check_links(session, caller, owner_id, changes.get("parent_file"))
        if owner_id != file.owner_id:
            await totals.add(session, {file.owner_id: -file.size, owner_id: file.size})
        file.owner_id = owner_id
        file.kind = changes.get("kind", file.kind)
        file.tags = changes.get("tags", file.tags)
        file.parent_id = changes.get("parent_file", file.parent_id)
    return file


async def delete_file(
    database: Database, caller: Caller, file_id: int, *, runs: RunsClient, patience_seconds: int
) -> None:
    """Refused while a run needs it. A hold whose run was never made is let go here."""
    async with database.reading() as session:
        file = await queries.get_file(session, file_id, only_owner=caller.only_owner)
        references = await queries.list_references(session, file_id)
    if file.kind == OUTPUT:
        raise FileInUse
    let_go = await _abandoned_holders(references, caller, runs, patience_seconds)
    async with database.transaction() as session:
        file = await queries.lock_file(session, file_id, only_owner=caller.only_owner)
        await _let_go(session, file_id, let_go)
        if file.kind == OUTPUT or await queries.list_references(session, file_id):
            raise FileInUse
        await delete_files(session, [file])


async def delete_files(session: AsyncSession, files: Sequence[Any]) -> None:
    """Rows, references and parent links go now, with the event; the blobs in a moment."""
    for at in range(0, len(files), ROWS_PER_STATEMENT):
        some = files[at : at + ROWS_PER_STATEMENT]
        ids = [file.id for file in some]
        doomed = [{"key": file.blob_key, "due_at": AT_ONCE} for file in some]
        await session.execute(insert(DoomedBlob), doomed)
        # Children's parent links and references follow by the foreign keys.
        await session.execute(delete(File).where(col(File.id).in_(ids)))
    await totals.take_off(session, files)
    told = (FileDeleted(file_id=file.id, owner_id=file.owner_id) for file in files)
    await publish(session, *told)


async def _refuse(
    database: Database,
    caller: Caller,
    sent: dict[str, Any],
    faults: dict[str, list[str]],
    *,
    users: UsersClient,
) -> None:
    """Every wrong field together; what is right but names nothing is one of them."""
    owner_id = sent.get("owner", caller.user_id)
    if owner_id != caller.user_id and not await users.exists(owner_id, caller=caller):
        faults |= NoSuchLink("owner").faults
    if faults and sent.get("parent_file") is not None:
        async with database.reading() as session:
            if not await queries.has_file(
                session, sent["parent_file"], only_owner=caller.only_owner
            ):
                faults |= NoSuchLink("parent_file").faults
    if faults:
        raise InvalidFields(faults)


async def _check_links(
    session: AsyncSession, caller: Caller, owner_id: int, parent_id: int | None
) -> None:
    """What the body names must still be there in the transaction that stores it."""
    _refuse_departed(caller, owner_id, await queries.is_departed(session, owner_id))
    await _check_parent(session, caller, parent_id)


def _refuse_departed(caller: Caller, owner_id: int, is_gone: bool) -> None:
    if is_gone and owner_id == caller.user_id:
        raise Unauthenticated("Invalid token.")
    if is_gone:
        raise NoSuchLink("owner")


async def _check_parent(session: AsyncSession, caller: Caller, parent_id: int | None) -> None:
    if parent_id is None:
        return
    parents = await queries.lock_files(session, [parent_id])
    if not parents or caller.only_owner not in (None, parents[0].owner_id):
        raise NoSuchLink("parent_file")


async def _abandoned_holders(
    references: Sequence[FileReference], caller: Caller, runs: RunsClient, patience_seconds: int
) -> list[str]:
    """The holders of a file, when runs says of each that it never came to be."""
    oldest = utc_now() - timedelta(seconds=patience_seconds)
    for reference in references:
        if reference.confirmed_at is not None or reference.created_at > oldest:
            raise FileInUse
    holders = sorted({reference.holder for reference in references})
    for holder in holders:
        if await runs.holder_exists(holder, caller=caller):
            raise FileInUse
    return holders


async def _let_go(session: AsyncSession, file_id: int, holders: list[str]) -> None:
    await session.execute(
        delete(FileReference).where(
            col(FileReference.file_id) == file_id,
            col(FileReference.holder).in_(holders),
            col(FileReference.confirmed_at).is_(None),
        )
    )
