import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from services.files.cli import app as commands
from services.files.settings import FilesSettings
from services.files.tests.conftest import KEY, Uploads, in_every_place
from services.files.tests.places import Folder, Place

Check = Callable[[], Awaitable[tuple[int, list[str]]]]


@pytest.fixture
def check(tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch) -> Check:
    """What `manage.py checkblobs` answers, beside the running service."""
    monkeypatch.setenv("MLSPLOIT_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("MLSPLOIT_FILES_LINK_KEY", KEY)
    for name, value in place.settings.items():
        monkeypatch.setenv(f"MLSPLOIT_FILES_{name.upper()}", value)

    async def answer() -> tuple[int, list[str]]:
        result = await asyncio.to_thread(CliRunner().invoke, commands, ["checkblobs"])
        return result.exit_code, result.stdout.splitlines()

    return answer


@in_every_place
async def test_a_sound_store_is_said_to_be_sound(upload: Uploads, check: Check) -> None:
    await upload()

    assert await check() == (
        0,
        ["Every file has its content, and every content its file."],
    )


@in_every_place
async def test_lost_damaged_and_orphaned_blobs_are_named(
    upload: Uploads, place: Place, check: Check
) -> None:
    lost = (await upload()).json()["id"]
    place.lose(place.stored()[0])
    damaged = (await upload()).json()["id"]
    place.put(place.stored()[0], b"hell")
    place.put("ab/cd/abcdef" if isinstance(place, Folder) else "abcdef", b"?")

    code, lines = await check()

    assert code == 1
    assert [line.partition(" (")[0] for line in lines] == [
        f"damaged: file {damaged} has 4 bytes, not 5",
        f"lost: file {lost} has no content",
        "orphaned: blob abcdef has no file",
    ]


@in_every_place
async def test_a_file_without_content_is_404_not_a_crash(
    upload: Uploads, place: Place, app: FastAPI
) -> None:
    link = (await upload()).json()["blob_url"]
    place.lose(place.stored()[0])

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        answer = await client.get(link)
    assert (answer.status_code, answer.json()) == (
        404,
        {"detail": "The content of this file is lost."},
    )


def test_a_short_link_key_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSPLOIT_FILES_LINK_KEY", "short")

    with pytest.raises(SystemExit) as refusal:
        FilesSettings.load()

    assert str(refusal.value).startswith("MLSPLOIT_FILES_LINK_KEY: must have at least 25")


def test_a_missing_link_key_is_refused_in_a_sentence() -> None:
    with pytest.raises(SystemExit) as refusal:
        FilesSettings.load()

    assert str(refusal.value) == "MLSPLOIT_FILES_LINK_KEY: Field required"
