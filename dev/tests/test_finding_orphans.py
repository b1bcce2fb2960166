from pathlib import Path

import pytest
from sqlalchemy import text

from dev.environment import ROOT
from dev.orphans import SERVICES, databases, find_orphans, main
from shared.db import Database
from shared.upgrading import upgrade

A_PIPELINE = "INSERT INTO pipelines (owner_id, name, enabled, created_at) VALUES (7, 'p', 0, '')"
A_TASK = (
    'INSERT INTO tasks (pipeline_id, function_id, arguments, "order", created_at) '
    "VALUES (1, 8, '{}', 1, '')"
)
A_MESSAGE = (
    "INSERT INTO outbox (message_id, subject, payload, headers, created_at) "
    "VALUES ('m', 'users.user.deleted', '', '{}', '')"
)


@pytest.fixture
async def settings(tmp_path: Path) -> dict[str, str]:
    """Of five empty databases."""
    for name in SERVICES:
        (tmp_path / name).mkdir()
        database = Database(f"sqlite+aiosqlite:///{tmp_path}/{name}/{name}.sqlite3")
        await upgrade(database, ROOT / "services" / name / "migrations")
        await database.close()
    return {"MLSPLOIT_DATA_DIR": str(tmp_path)}


async def test_empty_databases_hold_no_orphans(settings: dict[str, str]) -> None:
    assert await find_orphans(settings) == []


async def test_what_hangs_on_nothing_is_named(settings: dict[str, str]) -> None:
    opened = databases(settings)
    async with opened["pipelines"].transaction() as session:
        for statement in (A_PIPELINE, A_TASK, A_MESSAGE):
            await session.execute(text(statement))
    for name in SERVICES:
        await opened[name].close()

    assert await find_orphans(settings) == [
        "pipelines: outbox still holds users.user.deleted",
        "pipelines: pipelines.owner_id is 7: no such users.id",
        "pipelines: tasks.function_id is 8: no such functions.id",
    ]


def test_without_a_system_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLSPLOIT_DATA_DIR", str(tmp_path))

    assert main() == 1

    assert "has a system run there?" in capsys.readouterr().err
