"""What an owner's files take is known without summing it up, whatever happens to the files."""

from pathlib import Path

import httpx
import pytest
from alembic import command
from sqlalchemy import func, select

from services.files import models
from services.files.models import File, OwnerTotal
from services.files.tests.conftest import ADMIN, Holds, Uploads
from services.files.tests.test_reactions import hear
from shared.db import Database, col
from shared.events.runs import RunDeleted
from shared.events.users import UserDeleted
from shared.migrations import migrate
from shared.testing.fixtures import SQLITE
from shared.testing.tokens import Signer

MIGRATIONS = Path(models.__file__).parent / "migrations"


async def totals(database: Database) -> dict[int, int]:
    """As they are kept, once they are what the files add up to."""
    async with database.reading() as session:
        kept = await session.execute(select(col(OwnerTotal.owner_id), col(OwnerTotal.bytes)))
        owner = col(File.owner_id)
        summed = await session.execute(select(owner, func.sum(col(File.size))).group_by(owner))
        found = {row.owner_id: row.bytes for row in kept.all()}
        assert found == {owner_id: int(size) for owner_id, size in summed.all()}
    return found


async def test_a_total_follows_its_owners_files(
    upload: Uploads, hold: Holds, client: httpx.AsyncClient, signer: Signer, database: Database
) -> None:
    first = (await upload(content=b"x" * 10)).json()
    made = (await upload(content=b"x" * 7, kind="OUTPUT")).json()
    await upload(content=b"x" * 5, user=2)
    assert await totals(database) == {1: 17, 2: 5}

    await hold("run-1", [made["id"]], role="output")
    await hear(database, RunDeleted(run_id=1, owner_id=1, holder="run-1", output_file_ids=[]))
    assert await totals(database) == {1: 10, 2: 5}

    staff = signer.headers(ADMIN, is_staff=True)
    moved = await client.patch(first["url"], headers=staff, json={"owner": "/api/v1/users/2/"})
    assert moved.status_code == 200, moved.text
    assert await totals(database) == {2: 15}

    assert (await client.delete(first["url"], headers=signer.headers(2))).status_code == 204
    assert await totals(database) == {2: 5}

    await hear(database, UserDeleted(user_id=2), event_id="2")
    assert await totals(database) == {}


async def test_a_refused_upload_counts_for_nothing(upload: Uploads, database: Database) -> None:
    await upload(content=b"x" * 10)
    assert (await upload(content=b"x" * 10, parent_file="/api/v1/files/99/")).status_code == 400
    assert await totals(database) == {1: 10}


# The move itself is the same statement on both.
@pytest.mark.parametrize("database_url", [SQLITE], indirect=True)
async def test_files_from_before_there_were_totals_are_counted(
    upload: Uploads, database: Database
) -> None:
    await upload(content=b"x" * 10)
    await upload(content=b"x" * 5)
    async with database.engine.connect() as connection:
        await connection.run_sync(migrate, MIGRATIONS, command.downgrade, "0008")
        await connection.run_sync(migrate, MIGRATIONS, command.upgrade, "0009")

    assert await totals(database) == {1: 15}
