import asyncio
import os
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from services.files.cli import app as commands
from services.files.settings import FilesSettings
from services.files.storage.local import STALE_SECONDS, LocalStore
from services.files.tests.conftest import KEY, StoredBlobs, Uploads


async def check(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    """What `manage.py checkblobs` answers, beside the running service."""
    monkeypatch.setenv("MLSPLOIT_DATA_DIR", str(folder))
    monkeypatch.setenv("MLSPLOIT_FILES_LINK_KEY", KEY)
    result = await asyncio.to_thread(CliRunner().invoke, commands, ["checkblobs"])
    return result.exit_code, result.stdout.splitlines()


async def test_a_sound_store_is_said_to_be_sound(
    upload: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await upload()

    assert await check(tmp_path, monkeypatch) == (
        0,
        ["Every file has its content, and every content its file."],
    )


async def test_lost_damaged_and_orphaned_blobs_are_named(
    upload: Uploads, stored: StoredBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "files" / "blobs"
    lost = (await upload()).json()["id"]
    (root / stored()[0]).unlink()
    damaged = (await upload()).json()["id"]
    (root / stored()[0]).write_bytes(b"hell")
    (root / "ab" / "cd").mkdir(parents=True)
    (root / "ab" / "cd" / "abcdef").write_bytes(b"?")

    code, lines = await check(tmp_path, monkeypatch)

    assert code == 1
    assert [line.partition(" (")[0] for line in lines] == [
        f"damaged: file {damaged} has 4 bytes, not 5",
        f"lost: file {lost} has no content",
        "orphaned: blob abcdef has no file",
    ]


async def test_a_file_without_content_is_404_not_a_crash(
    upload: Uploads, stored: StoredBlobs, tmp_path: Path, app: FastAPI
) -> None:
    link = (await upload()).json()["blob_url"]
    (tmp_path / "files" / "blobs" / stored()[0]).unlink()

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        assert (await client.get(link)).status_code == 404


async def test_only_stale_uploads_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path)
    crashed, alive = await store.stage(), await store.stage()
    for blob in (crashed, alive):
        await blob.write(b"x")
        await blob.finish()
    _make_older(tmp_path / "incoming" / crashed.key, STALE_SECONDS + 1)

    assert await store.remove_stale_uploads() == 1

    await alive.keep()
    assert [key for key, _ in store.sizes()] == [alive.key]
    await crashed.discard()


def _make_older(path: Path, seconds: float) -> None:
    moment = path.stat().st_mtime - seconds
    os.utime(path, (moment, moment))


def test_a_short_link_key_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSPLOIT_FILES_LINK_KEY", "short")

    with pytest.raises(SystemExit) as refusal:
        FilesSettings.load()

    assert str(refusal.value).startswith("MLSPLOIT_FILES_LINK_KEY: must have at least 25")


def test_a_missing_link_key_is_refused_in_a_sentence() -> None:
    with pytest.raises(SystemExit) as refusal:
        FilesSettings.load()

    assert str(refusal.value) == "MLSPLOIT_FILES_LINK_KEY: Field required"
