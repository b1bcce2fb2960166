"""The parts of a system out and in again: databases, contents and NATS, without the services."""

import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import nats
import psutil
import pytest
from sqlalchemy import text

from dev.back_up import back_up
from dev.backup import standstill
from dev.backup.layout import SERVICES, Backup
from dev.environment import ROOT, fresh_secret
from dev.orphans import databases
from dev.preflight import StartupFault
from dev.restore import restore
from services.files.storage.local import LocalStore
from shared.db import Database
from shared.testing.fixtures import POSTGRES, SQLITE
from shared.testing.postgres import PostgresServer
from shared.testing.processes import NatsServer
from shared.upgrading import upgrade

CONTENT = b"what a file holds\t\\N\n" * 1000
A_FILE = (
    "INSERT INTO files (owner_id, name, kind, tags, size, blob_key, sha256, uploaded_at) VALUES"
    " (7, 'with\ttab', 'INPUT', '{}', :size, :key, :sha256, '2026-01-01 00:00:00+00:00')"
)
COUNT_FILES = "SELECT name, blob_key, sha256 FROM files"


@pytest.fixture(params=[SQLITE, POSTGRES])
async def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Of a system that is not there yet."""
    found = {
        "MLSPLOIT_DATA_DIR": str(tmp_path / "data"),
        "MLSPLOIT_FILES_LINK_KEY": fresh_secret(),
        "MLSPLOIT_NATS_URL": "",
    }
    if request.param == POSTGRES:
        found |= await empty_databases(request.getfixturevalue("postgres"))
    return found


async def empty_databases(server: PostgresServer) -> dict[str, str]:
    return {
        f"MLSPLOIT_{name.upper()}_DATABASE_URL": await server.bare_database(f"copied_{name}")
        for name in SERVICES
    }


@pytest.fixture
async def broker(settings: dict[str, str]) -> AsyncIterator[NatsServer]:
    """A running system's NATS, with a message in it."""
    folder = Path(settings["MLSPLOIT_DATA_DIR"])
    (folder / "nats").mkdir(parents=True)
    server = NatsServer(folder / "nats")
    await server.start()
    assert server._process is not None
    state = {"pids": {"nats": server._process.pid}}
    (folder / "stack.json").write_text(json.dumps(state))
    await say(server, "hello")
    yield server
    await server.kill()


async def say(server: NatsServer, word: str) -> None:
    client = await nats.connect(server.url)
    jetstream = client.jetstream()
    await jetstream.add_stream(name="S", subjects=["s"])
    await jetstream.publish("s", word.encode())
    await client.close()


async def said(server: NatsServer) -> list[bytes | None]:
    client = await nats.connect(server.url)
    jetstream = client.jetstream()
    state = (await jetstream.stream_info("S")).state
    words = [(await jetstream.get_msg("S", number + 1)).data for number in range(state.messages)]
    await client.close()
    return words


@pytest.fixture
async def files(settings: dict[str, str]) -> AsyncIterator[Database]:
    """The databases are there; the one of files names one content, which is there, too."""
    for name in SERVICES:
        folder = Path(settings["MLSPLOIT_DATA_DIR"]) / name
        folder.mkdir(parents=True)
        url = settings.get(f"MLSPLOIT_{name.upper()}_DATABASE_URL")
        database = Database(url or f"sqlite+aiosqlite:///{folder}/{name}.sqlite3")
        await upgrade(database, ROOT / "services" / name / "migrations")
        await database.close()
    opened = databases(settings)
    store = LocalStore(blobs_of(settings))
    blob = await store.stage()
    await blob.write(CONTENT)
    await blob.finish()
    await blob.keep()
    async with opened["files"].transaction() as session:
        row = {"size": blob.size, "key": blob.key, "sha256": blob.sha256}
        await session.execute(text(A_FILE), row)
    yield opened["files"]
    for each in opened.values():
        await each.close()


def blobs_of(settings: Mapping[str, str]) -> Path:
    return Path(settings["MLSPLOIT_DATA_DIR"]) / "files" / "blobs"


async def rows_of(database: Database) -> list[Any]:
    async with database.reading() as session:
        return [tuple(row) for row in (await session.execute(text(COUNT_FILES))).all()]


async def test_what_was_copied_comes_back_and_nothing_newer(
    settings: dict[str, str],
    files: Database,
    broker: NatsServer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    before = await rows_of(files)
    back_up(settings, tmp_path / "backup")
    await say(broker, "too late")
    await broker.kill()
    await files.close()
    shutil.rmtree(settings["MLSPLOIT_DATA_DIR"])
    if len(settings) > len(SERVICES):
        await empty_databases(request.getfixturevalue("postgres"))

    restore(settings, Backup(tmp_path / "backup"))

    assert await rows_of(files) == before
    [path] = [path for path in blobs_of(settings).rglob("*") if path.is_file()]
    assert (path.name, path.read_bytes()) == (before[0][1], CONTENT)
    await broker.start()
    assert await said(broker) == [b"hello"]


async def test_nats_stands_still_while_databases_are_copied_and_goes_on_after_a_failure(
    settings: dict[str, str],
    files: Database,
    broker: NatsServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert broker._process is not None
    process = psutil.Process(broker._process.pid)
    seen: list[str] = []

    def fail(*_anything: object) -> None:
        seen.append(process.status())
        raise StartupFault("the disk is full")

    monkeypatch.setattr("dev.back_up.copy_database", fail)

    with pytest.raises(StartupFault, match="the disk is full"):
        back_up(settings, tmp_path / "backup")

    assert seen == [psutil.STATUS_STOPPED]
    assert not (tmp_path / "backup").exists()
    assert await said(broker) == [b"hello"]


async def test_the_process_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text(json.dumps({"pids": {"nats": os.getpid()}}))

    with standstill.nats_standing_still(tmp_path) as was_running:
        assert not was_running


async def test_a_file_without_its_content_makes_no_backup(
    settings: dict[str, str], files: Database, tmp_path: Path
) -> None:
    [path] = [path for path in blobs_of(settings).rglob("*") if path.is_file()]
    path.write_bytes(CONTENT.upper())

    with pytest.raises(StartupFault, match="1 contents are missing or damaged"):
        back_up(settings, tmp_path / "backup")

    assert not (tmp_path / "backup").exists()


async def test_a_damaged_backup_is_refused_and_nothing_is_written(
    settings: dict[str, str], files: Database, tmp_path: Path
) -> None:
    back_up(settings, tmp_path / "backup")
    shutil.rmtree(settings["MLSPLOIT_DATA_DIR"])
    name = sha256(b"").hexdigest()
    [blob] = (tmp_path / "backup" / "blobs").iterdir()
    blob.rename(blob.with_name(name))

    with pytest.raises(StartupFault, match=f"is damaged: blobs/{blob.name}"):
        restore(settings, Backup(tmp_path / "backup"))

    assert not Path(settings["MLSPLOIT_DATA_DIR"]).exists()


async def test_a_system_that_is_there_is_not_written_over(
    settings: dict[str, str], files: Database, tmp_path: Path
) -> None:
    back_up(settings, tmp_path / "backup")

    with pytest.raises(StartupFault, match="There is a system already, with runs"):
        restore(settings, Backup(tmp_path / "backup"))

    assert len(await rows_of(files)) == 1


async def test_a_copy_that_broke_off_is_no_backup(settings: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()

    with pytest.raises(StartupFault, match="is no backup"):
        restore(settings, Backup(tmp_path / "backup"))
