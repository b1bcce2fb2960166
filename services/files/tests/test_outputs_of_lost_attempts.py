"""What a worker uploads belongs to nobody until a report names it; what none names goes again."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import col

from services.files.models import File
from services.files.sweeper import remove_unclaimed_files
from services.files.tests.conftest import ADMIN, URL, Holds, Uploads
from shared.clock import utc_now
from shared.db import Database
from shared.testing.fixtures import Published
from shared.testing.tokens import Signer

ALICE = {"owner": "/api/v1/users/1/", "kind": "OUTPUT"}


@pytest.fixture
def worker(signer: Signer) -> dict[str, str]:
    return signer.headers(ADMIN, is_staff=True, scopes="jobs:execute")


async def pass_time(database: Database) -> None:
    """As if every wait had ended."""
    then = utc_now() - timedelta(days=1)
    async with database.transaction() as session:
        waiting = col(File.unclaimed_until).is_not(None)
        await session.execute(update(File).where(waiting).values(unclaimed_until=then))


async def sent_by(client: httpx.AsyncClient, headers: dict[str, str]) -> int:
    blob = {"blob": ("a.txt", b"x")}
    answer = await client.post(URL, headers=headers, data=ALICE, files=blob)
    assert answer.status_code == 201, answer.text
    made: int = answer.json()["id"]
    return made


async def ids(client: httpx.AsyncClient, signer: Signer) -> list[int]:
    files = (await client.get(URL, headers=signer.headers(1))).json()
    return [file["id"] for file in files]


async def test_an_upload_that_no_report_names_goes_and_one_that_is_named_stays(
    client: httpx.AsyncClient,
    signer: Signer,
    worker: dict[str, str],
    hold: Holds,
    database: Database,
    published: Published,
) -> None:
    lost, named = await sent_by(client, worker), await sent_by(client, worker)
    answer = await hold("run-1", [named], role="output", headers=worker)
    assert answer.status_code == 200, answer.text

    assert await remove_unclaimed_files(database) == 0
    await pass_time(database)
    assert await remove_unclaimed_files(database) == 1

    assert await ids(client, signer) == [named]
    told = [(subject, event["file_id"]) for subject, event in await published()]
    assert told == [("mlsploit.events.files.file.deleted", lost)]


async def test_what_people_and_backends_of_old_upload_waits_for_nobody(
    client: httpx.AsyncClient, signer: Signer, upload: Uploads, database: Database
) -> None:
    by_old_backend = await sent_by(client, signer.headers(ADMIN, is_staff=True))
    by_alice = (await upload(kind="OUTPUT")).json()["id"]

    await pass_time(database)

    assert await remove_unclaimed_files(database) == 0
    assert await ids(client, signer) == [by_old_backend, by_alice]
