"""A directory that an earlier version filled goes on being one: nothing moves, nothing is lost."""

from pathlib import Path

import pytest

from services.files.storage.interface import BlobMissing
from services.files.storage.local import LocalStore

KEY = "abcdef"


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    path = tmp_path / "ab" / "cd" / KEY
    path.parent.mkdir(parents=True)
    path.write_bytes(b"hello")
    return path


async def test_an_earlier_blob_is_counted_and_read(tmp_path: Path, earlier: Path) -> None:
    store = LocalStore(tmp_path)

    assert [size async for size in store.sizes()] == [(KEY, 5)]
    assert [piece async for piece in await store.open(KEY, start=1, stop=4)] == [b"ell"]


async def test_an_earlier_blob_is_deleted(tmp_path: Path, earlier: Path) -> None:
    store = LocalStore(tmp_path)

    await store.delete(KEY)

    assert not earlier.exists()
    with pytest.raises(BlobMissing):
        await store.open(KEY, start=0, stop=1)


async def test_a_new_blob_is_beside_the_earlier_ones(tmp_path: Path, earlier: Path) -> None:
    store = LocalStore(tmp_path)
    blob = await store.stage("ab" + "0" * 30)
    await blob.write(b"new")
    await blob.finish()
    await blob.keep()

    assert {key async for key, _ in store.sizes()} == {KEY, blob.key}
    assert (tmp_path / "ab" / blob.key).read_bytes() == b"new"
