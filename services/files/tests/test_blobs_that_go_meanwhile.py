"""Who looks through all blobs meets some that are deleted while he looks."""

from pathlib import Path

import pytest

from services.files.storage import local
from services.files.storage.local import LocalStore


async def test_a_blob_that_is_gone_when_it_is_measured_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every step meets one: a name without a file, as a deletion leaves it for a moment.
    monkeypatch.setattr(local, "SIZES_PER_STEP", 1)
    folder = tmp_path / "ab"
    folder.mkdir()
    for key in ("ab1", "ab2", "ab3"):
        (folder / f"{key}-gone").symlink_to(folder / "nothing")
        (folder / key).write_bytes(b"hello")

    found = [size async for size in LocalStore(tmp_path).sizes()]

    assert sorted(found) == [("ab1", 5), ("ab2", 5), ("ab3", 5)]
