"""What every place for blobs promises; each test runs on a directory and on a bucket."""

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.files.errors import StorageAway
from services.files.settings import FilesSettings
from services.files.storage import archive, s3
from services.files.storage.interface import STALE_SECONDS, BlobMissing, BlobStore, StagedBlob
from services.files.storage.local import LocalStore
from services.files.storage.opening import store_of
from services.files.tests.conftest import KEY
from services.files.tests.places import LOCAL, S3, Folder, Place
from shared.clock import utc_now

MEBIBYTE = 1024 * 1024
# Three parts of an upload, and more than one piece of each.
LARGE = bytes(range(256)) * (17 * MEBIBYTE // 256)

pytestmark = pytest.mark.parametrize("place", [LOCAL, S3], indirect=True)


def settings_of(place: Place, folder: Path, **others: str) -> FilesSettings:
    return FilesSettings.model_validate(
        {"data_dir": folder, "link_key": KEY, **place.settings, **others}
    )


@pytest.fixture
async def store(place: Place, tmp_path: Path) -> AsyncIterator[BlobStore]:
    async with store_of(settings_of(place, tmp_path)) as opened:
        yield opened


async def staged(store: BlobStore, content: bytes) -> StagedBlob:
    blob = await store.stage()
    for at in range(0, len(content), MEBIBYTE):
        await blob.write(content[at : at + MEBIBYTE])
    await blob.finish()
    return blob


async def read(store: BlobStore, key: str, start: int, stop: int) -> bytes:
    return b"".join([piece async for piece in await store.open(key, start=start, stop=stop)])


async def keys(store: BlobStore) -> dict[str, int]:
    return {key: size async for key, size in store.sizes()}


@pytest.mark.parametrize("content", [b"x", LARGE], ids=["small", "large"])
async def test_a_kept_blob_is_read_as_it_was_written(store: BlobStore, content: bytes) -> None:
    blob = await staged(store, content)
    assert await keys(store) == {}
    await blob.keep()
    await blob.discard()

    assert (blob.size, blob.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert await keys(store) == {blob.key: len(content)}
    assert await read(store, blob.key, 0, len(content)) == content
    assert await read(store, blob.key, len(content) - 1, len(content)) == content[-1:]


async def test_any_range_of_a_large_blob_is_read_exactly(store: BlobStore) -> None:
    blob = await staged(store, LARGE)
    await blob.keep()

    for start, stop in ((0, 1), (4 * MEBIBYTE - 1, 4 * MEBIBYTE + 1), (3, 13 * MEBIBYTE)):
        assert await read(store, blob.key, start, stop) == LARGE[start:stop]


@pytest.mark.parametrize("content", [b"x", LARGE], ids=["small", "large"])
async def test_a_discarded_blob_leaves_nothing(
    store: BlobStore, place: Place, content: bytes
) -> None:
    blob = await staged(store, content)

    await blob.discard()
    await blob.discard()

    assert place.stored() == []


async def test_blobs_that_arrive_at_the_same_time_stay_apart(store: BlobStore) -> None:
    contents = [bytes([number]) * (9 * MEBIBYTE) for number in range(3)]

    blobs = await asyncio.gather(*(staged(store, content) for content in contents))
    for blob in blobs:
        await blob.keep()

    for blob, content in zip(blobs, contents, strict=True):
        assert await read(store, blob.key, 0, len(content)) == content


async def test_what_is_not_there_is_missing_at_once_and_deleted_without_a_word(
    store: BlobStore,
) -> None:
    blob = await staged(store, b"x")
    await blob.keep()

    await store.delete(blob.key)
    await store.delete(blob.key)

    with pytest.raises(BlobMissing):
        await store.open(blob.key, start=0, stop=1)


@pytest.fixture
def a_day_later(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """For everything that is in the place now."""
    late = STALE_SECONDS + 60
    if not isinstance(place, Folder):
        monkeypatch.setattr(s3, "utc_now", lambda: utc_now() + timedelta(seconds=late))


async def test_only_what_nobody_writes_any_more_is_removed(
    store: BlobStore, place: Place, a_day_later: None
) -> None:
    crashed = await staged(store, LARGE)
    if isinstance(place, Folder):
        path = place.root / "incoming" / crashed.key
        moment = path.stat().st_mtime - STALE_SECONDS - 60
        os.utime(path, (moment, moment))

    assert await store.remove_stale_uploads() == 1
    assert place.stored() == []
    await crashed.discard()


async def test_an_upload_that_lives_is_not_removed(store: BlobStore) -> None:
    alive = await staged(store, LARGE)

    assert await store.remove_stale_uploads() == 0

    await alive.keep()
    assert await keys(store) == {alive.key: len(LARGE)}


async def test_a_place_that_is_there_passes_its_check(store: BlobStore) -> None:
    await store.check()


async def test_a_place_that_is_not_there_fails_its_check(place: Place, tmp_path: Path) -> None:
    if isinstance(place, Folder):
        place.root.parent.mkdir()
        place.root.write_text("no directory")
        settings = settings_of(place, tmp_path)
    else:
        settings = settings_of(place, tmp_path, storage_url="s3://nobody-made-this-bucket")
    async with store_of(settings) as store:
        with pytest.raises((OSError, StorageAway)):
            await store.check()


async def packed(store: BlobStore, *without: str) -> io.BytesIO:
    out = io.BytesIO()
    await archive.write(store, out, without=without)
    out.seek(0)
    return out


async def test_blobs_go_into_another_place_as_they_were(store: BlobStore, tmp_path: Path) -> None:
    blobs = [await staged(store, content) for content in (b"one", LARGE, b"three")]
    for blob in blobs:
        await blob.keep()
    other = LocalStore(tmp_path / "other")
    expected = {blob.key: blob.sha256 for blob in blobs}

    assert await archive.read(other, await packed(store, blobs[0].key), expected) == []
    assert await keys(other) == {blob.key: blob.size for blob in blobs[1:]}
    assert await archive.read(other, await packed(store), expected) == []

    for blob in blobs:
        content = await read(other, blob.key, 0, blob.size)
        assert hashlib.sha256(content).hexdigest() == blob.sha256


async def test_a_damaged_blob_does_not_come_in(
    store: BlobStore, place: Place, tmp_path: Path
) -> None:
    sound, damaged = await staged(LocalStore(tmp_path / "other"), b"x"), b"y"
    await sound.keep()
    source = await packed(LocalStore(tmp_path / "other"))

    told = await archive.read(store, source, {sound.key: hashlib.sha256(damaged).hexdigest()})

    assert told == [sound.key]
    assert place.stored() == []
