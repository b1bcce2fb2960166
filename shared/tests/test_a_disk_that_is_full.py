"""A full disk refuses for now: nothing acknowledged is lost, and what comes after it is served."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from shared.db import Database, will_pass
from shared.testing.disks import fill, small_disk
from shared.tests.ledger import ledger, notes_in, write_notes

pytestmark = pytest.mark.attack
KIBIBYTE = 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", size_bytes=2048 * KIBIBYTE) as mounted:
        yield mounted


async def write_until_refused(database: Database) -> list[str]:
    """What was acknowledged before; the refusal is one that passes."""
    acknowledged: list[str] = []

    async def go_on() -> None:
        while len(acknowledged) < 1000:
            text = f"{len(acknowledged)} {'x' * 10 * KIBIBYTE}"
            await write_notes(database, text)
            acknowledged.append(text)

    with pytest.raises(DBAPIError) as refusal:
        await go_on()
    assert will_pass(refusal.value)
    return acknowledged


async def test_what_was_acknowledged_is_there_and_room_is_all_it_takes(disk: Path) -> None:
    async with ledger(disk, "ledger", "") as app:
        database: Database = app.state.database
        filler = fill(disk)
        acknowledged = await write_until_refused(database)

        assert await notes_in(database) == acknowledged
        filler.unlink()
        await write_notes(database, "after")
        assert await notes_in(database) == [*acknowledged, "after"]
    async with ledger(disk, "ledger", "") as app:
        assert await notes_in(app.state.database) == [*acknowledged, "after"]
