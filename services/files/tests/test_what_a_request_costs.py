"""Counts that no machine changes: SQL statements, calls to other services, messages on NATS."""

import httpx
import pytest

from services.files.tests.conftest import Holds, Uploads
from shared.db import Database
from shared.testing.counting import counting
from shared.testing.peers import Peers
from shared.testing.plans import scans, sorts
from shared.testing.tokens import Signer

FILES = "/api/v1/files/"


@pytest.mark.parametrize(
    "address", [FILES, f"{FILES}?limit=2", f"{FILES}?id=1,2", f"{FILES}?kind=INPUT", f"{FILES}1/"]
)
async def test_reading_takes_two_statements_and_no_scan(
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    peers: Peers,
    upload: Uploads,
    address: str,
) -> None:
    for _ in range(3):
        await upload()

    async with counting(database, peers) as counts:
        answer = await client.get(address, headers=signer.headers())

    assert answer.status_code == 200
    # Files, and which of them were made from others.
    assert counts.all == (2, 0, 0)
    assert await scans(database, counts) == []


@pytest.mark.parametrize("is_staff", [False, True])
async def test_a_page_sorts_nothing_wherever_it_is(
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    peers: Peers,
    upload: Uploads,
    is_staff: bool,
) -> None:
    for _ in range(3):
        await upload()
    headers = signer.headers(is_staff=is_staff)
    by_date = "ordering=date_uploaded"

    async with counting(database, peers) as counts:
        for query in ("ordering=-id", by_date, f"{by_date}&created_after=2026-01-01"):
            first = await client.get(f"{FILES}?limit=2&fields=id&{query}", headers=headers)
            second = await client.get(first.links["next"]["url"], headers=headers)
            assert second.json()

    assert await sorts(database, counts) == []


async def test_an_administrator_finds_the_versions_of_a_file_by_an_index(
    client: httpx.AsyncClient, signer: Signer, database: Database, peers: Peers, upload: Uploads
) -> None:
    await upload()

    async with counting(database, peers) as counts:
        await client.get(f"{FILES}1/", headers=signer.headers(is_staff=True))

    assert await scans(database, counts) == []


async def test_an_upload_is_noted_before_and_after_its_blob_is_stored(
    database: Database, peers: Peers, upload: Uploads
) -> None:
    await upload()

    async with counting(database, peers) as counts:
        assert (await upload()).status_code == 201

    # Whether its owner is still there and has room, twice; the blob until it has a file; the file,
    # and what its owner's files take with it. PostgreSQL also locks a name, twice.
    assert counts.all == (6 if database.is_sqlite else 8, 0, 0)
    assert await scans(database, counts) == []


async def test_holding_files_takes_two_statements_for_any_number(
    database: Database, peers: Peers, upload: Uploads, hold: Holds
) -> None:
    ids = [(await upload()).json()["id"] for _ in range(3)]

    async with counting(database, peers) as counts:
        assert (await hold("run-1", ids)).status_code == 200

    assert counts.all == (2, 0, 0)
    assert await scans(database, counts) == []
