"""Blobs in an S3 bucket, so that any replica on any host serves what another took in.

A blob arrives as a multipart upload, which nobody can read until it is completed; a small one goes
up whole when it is kept. It leaves in pieces, each asked for when the last one is on its way, so a
slow reader holds no connection. Invariant: a transfer takes the memory of two parts at most,
whatever the size of its file.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError

from services.files.errors import StorageAway
from services.files.settings import FilesSettings
from services.files.storage.interface import STALE_SECONDS, BlobMissing
from shared.clock import utc_now

# S3 takes 10,000 parts of 5 MiB or more: 58 GiB for one file.
PART_BYTES = 6 * 1024 * 1024
PIECE_BYTES = 4 * 1024 * 1024
PIECE_TRIES = 3
CONNECTIONS_MAX = 64
CONNECT_SECONDS, READ_SECONDS = 5, 30
ABSENT = {"NoSuchKey", "NoSuchUpload", "404"}


class S3StagedBlob:
    """Begins its multipart upload with the first part that is full."""

    def __init__(self, client: Any, bucket: str, key: str, name: str):
        self.key = key
        self.size = 0
        self._client = client
        self._place = {"Bucket": bucket, "Key": name}
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        self._upload: dict[str, str] = {}
        self._parts: list[dict[str, Any]] = []
        self._is_kept = False

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    async def write(self, data: bytes) -> None:
        self.size += len(data)
        self._waiting += data
        while len(self._waiting) >= PART_BYTES:
            part = bytes(memoryview(self._waiting)[:PART_BYTES])
            del self._waiting[:PART_BYTES]
            await asyncio.to_thread(self._digest.update, part)
            await self._send(part)

    async def finish(self) -> None:
        await asyncio.to_thread(self._digest.update, self._waiting)
        if self._upload and self._waiting:
            part, self._waiting = bytes(self._waiting), bytearray()
            await self._send(part)

    async def keep(self) -> None:
        with _told_as_ours():
            if self._upload:
                whole = {"Parts": self._parts}
                await self._client.complete_multipart_upload(
                    **self._place, **self._upload, MultipartUpload=whole
                )
            else:
                await self._client.put_object(**self._place, Body=bytes(self._waiting))
        self._is_kept = True

    async def discard(self) -> None:
        upload, self._upload = self._upload, {}
        self._waiting.clear()
        if not upload or self._is_kept:
            return
        try:
            with _told_as_ours():
                await self._client.abort_multipart_upload(**self._place, **upload)
        except BlobMissing:
            return

    async def _send(self, part: bytes) -> None:
        with _told_as_ours():
            if not self._upload:
                begun = await self._client.create_multipart_upload(**self._place)
                self._upload = {"UploadId": begun["UploadId"]}
            number = len(self._parts) + 1
            sent = await self._client.upload_part(
                **self._place, **self._upload, PartNumber=number, Body=part
            )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})


class S3Store:
    def __init__(self, settings: FilesSettings):
        bucket, _, prefix = settings.storage_url.removeprefix("s3://").partition("/")
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._settings = settings
        self._open = AsyncExitStack()
        self._client: Any = None

    async def __aenter__(self) -> Self:
        endpoint = self._settings.s3_endpoint_url or None
        config = AioConfig(
            max_pool_connections=CONNECTIONS_MAX,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard"},
            # Servers other than Amazon's know neither names of buckets as hosts nor trailers.
            s3={"addressing_style": "path" if endpoint else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = get_session().create_client(
            "s3",
            region_name=self._settings.s3_region,
            endpoint_url=endpoint,
            aws_access_key_id=self._settings.s3_access_key_id or None,
            aws_secret_access_key=self._settings.s3_secret_access_key.get_secret_value() or None,
            config=config,
        )
        self._client = await self._open.enter_async_context(client)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def check(self) -> None:
        try:
            with _told_as_ours():
                await self._client.head_bucket(Bucket=self._bucket)
        except BlobMissing:
            raise StorageAway(f"there is no bucket {self._bucket}") from None

    async def stage(self, key: str | None = None) -> S3StagedBlob:
        key = key or uuid4().hex
        return S3StagedBlob(self._client, self._bucket, key, self._prefix + key)

    async def open(self, key: str, *, start: int, stop: int) -> AsyncIterator[bytes]:
        first = await self._read(key, start, stop)
        return self._pieces(first, key, start + len(first), stop)

    async def delete(self, key: str) -> None:
        with _told_as_ours():
            await self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    async def remove_stale_uploads(self) -> int:
        removed = 0
        oldest = utc_now() - timedelta(seconds=STALE_SECONDS)
        with _told_as_ours():
            async for upload in self._listed("list_multipart_uploads", "Uploads"):
                which = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
                begun = [upload["Initiated"]]
                parts = self._listed("list_parts", "Parts", **which)
                if max(begun + [part["LastModified"] async for part in parts]) < oldest:
                    await self._client.abort_multipart_upload(Bucket=self._bucket, **which)
                    removed += 1
        return removed

    async def sizes(self) -> AsyncIterator[tuple[str, int]]:
        with _told_as_ours():
            async for item in self._listed("list_objects_v2", "Contents"):
                yield item["Key"].removeprefix(self._prefix), item["Size"]

    async def _listed(self, what: str, items: str, **of: str) -> AsyncIterator[Any]:
        """Everything below our prefix, page by page."""
        wanted = of or {"Prefix": self._prefix}
        async for page in self._client.get_paginator(what).paginate(Bucket=self._bucket, **wanted):
            for item in page.get(items, ()):
                yield item

    async def _pieces(self, piece: bytes, key: str, start: int, stop: int) -> AsyncIterator[bytes]:
        yield piece
        while piece and start < stop:
            piece = await self._read(key, start, stop)
            start += len(piece)
            yield piece

    async def _read(self, key: str, start: int, stop: int) -> bytes:
        """As much as is read at a time; a connection that breaks in the middle is tried again."""
        wanted = f"bytes={start}-{min(stop, start + PIECE_BYTES) - 1}"
        for tries_left in reversed(range(PIECE_TRIES)):
            try:
                with _told_as_ours():
                    answer = await self._client.get_object(
                        Bucket=self._bucket, Key=self._prefix + key, Range=wanted
                    )
                    async with answer["Body"] as body:
                        data: bytes = await body.read()
                        return data
            except StorageAway:
                if not tries_left:
                    raise
        raise AssertionError("the last try raises")


@contextmanager
def _told_as_ours() -> Iterator[None]:
    """What the library raises, as what the interface promises."""
    try:
        yield
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ABSENT:
            raise BlobMissing from error
        raise StorageAway(str(error)) from error
    except BotoCoreError as error:
        raise StorageAway(str(error)) from error
