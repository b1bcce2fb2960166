"""Receiving an upload: the body of `POST /files/`, read once, with its blob on the way to storage.

Whatever happens - a refusal, a lost connection, a crash of ours - the staged blob is gone
afterwards unless `keep` was called.
"""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from services.files.errors import EMPTY_FILE, NO_FILE, FileTooLarge, NoRoom
from services.files.multipart import FileSink, MultipartReader
from services.files.names import too_long
from services.files.schemas import FileUpload, StaffFileUpload
from services.files.storage.interface import BlobStore, StagedBlob
from shared.bodies import (
    MULTIPART_TYPE,
    Submission,
    read_chunks,
    read_submission,
)
from shared.errors import BadRequest, PayloadTooLarge

BLOB = "blob"
WANTED = frozenset(StaffFileUpload.model_fields)
# The disk, the user's share of it, or what a process may write.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Room for the text fields and boundaries around a blob of the largest size.
FORM_BYTES_BESIDE_BLOB = 64 * 1024 * 1024


@dataclass
class Upload:
    """A form that was read but not yet judged. Of several blobs the last one counts."""

    submission: Submission = field(default_factory=lambda: Submission(form=[]))
    name: str = ""
    blob: StagedBlob | None = None
    name_fault: str | None = None

    def judge(self, model: type[FileUpload]) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """As a submission is judged, with what is wrong with the blob."""
        right, faults = self.submission.judge(model)
        fault = self._blob_fault()
        # A blob that came as text or null is refused in the words for that.
        return right, {BLOB: [fault], **faults} if fault is not None else faults

    def _blob_fault(self) -> str | None:
        if self.name_fault is not None:
            return self.name_fault
        if self.blob is None:
            return NO_FILE
        return EMPTY_FILE if self.blob.size == 0 else None


class _Receiver:
    """Stages the blobs of one form; what a later one replaces is discarded."""

    def __init__(self, store: BlobStore, bytes_max: int):
        self.upload = Upload()
        self._store = store
        self._bytes_max = bytes_max

    async def begin_file(self, field_name: str, file_name: str) -> FileSink | None:
        if field_name != BLOB or not file_name:
            return None
        await self.discard()
        self.upload.name = file_name
        self.upload.name_fault = too_long(file_name)
        if self.upload.name_fault is not None:
            return None
        self.upload.blob = await self._store.stage()
        return self

    async def write(self, data: bytes) -> None:
        blob = self.upload.blob
        assert blob is not None
        if blob.size + len(data) > self._bytes_max:
            raise FileTooLarge(self._bytes_max)
        await blob.write(data)

    async def discard(self) -> None:
        blob, self.upload.blob = self.upload.blob, None
        if blob is not None:
            await blob.discard()


@asynccontextmanager
async def receive(request: Request, store: BlobStore, bytes_max: int) -> AsyncIterator[Upload]:
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != MULTIPART_TYPE:
        yield Upload(submission=await read_submission(request))
        return
    receiver = _Receiver(store, bytes_max)
    try:
        chunks = read_chunks(request, limit=bytes_max + FORM_BYTES_BESIDE_BLOB)
        await _read_form(chunks, content_type, receiver)
        yield receiver.upload
    except PayloadTooLarge as refusal:
        # Before anything is read its size is known only together with what is around the file.
        if type(refusal) is not PayloadTooLarge:
            raise
        raise FileTooLarge(bytes_max, refusal.headers) from None
    except OSError as error:
        if error.errno in FULL:
            raise NoRoom from error
        raise
    finally:
        await receiver.discard()


async def _read_form(chunks: AsyncIterator[bytes], content_type: str, receiver: _Receiver) -> None:
    reader = MultipartReader(content_type, WANTED, receiver.begin_file)
    try:
        await reader.read(chunks)
    except ClientDisconnect:
        raise BadRequest("The upload was broken off.") from None
    upload = receiver.upload
    if upload.blob is not None:
        await upload.blob.finish()
        reader.fields.pop(BLOB, None)
    form: list[tuple[str, Any]] = list(reader.fields.items())
    upload.submission = Submission(form=form)
