import asyncio
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from services.files.models import DoomedBlob, File, FileReference
from services.files.storage.interface import BlobStore, StagedBlob
from services.files.storage.local import LocalStore
from services.files.sweeper import remove_due_blobs, take
from services.files.tests.conftest import ADMIN, URL, Holds, StoredBlobs, Uploads, in_every_place
from shared.clock import utc_now
from shared.db import Database, col
from shared.testing.fixtures import Published
from shared.testing.peers import Peers
from shared.testing.tokens import Signer

HOLDERS = "http://runs:8000/internal/holders/"
FORBIDDEN = {"detail": "You do not have permission to perform this action."}


async def make_holds_old(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(
            update(FileReference).values(created_at=utc_now() - timedelta(seconds=61))
        )


@in_every_place
async def test_a_deleted_file_goes_with_its_blob_and_is_told(
    app: FastAPI,
    upload: Uploads,
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    stored: StoredBlobs,
    published: Published,
) -> None:
    file = (await upload()).json()

    answer = await client.delete(file["url"], headers=signer.headers(1))

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get(file["url"], headers=signer.headers(1))).status_code == 404
    assert (await client.get(file["blob_url"])).status_code == 404
    assert await published() == [
        ("mlsploit.events.files.file.deleted", {"file_id": file["id"], "owner_id": 1})
    ]
    assert await remove_due_blobs(database, app.state.store) == 1
    assert stored() == []
    assert await remove_due_blobs(database, app.state.store) == 0


async def test_children_stay_and_lose_their_parent(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    parent = (await upload()).json()["url"]
    child = (await upload(parent_file=parent)).json()["url"]

    await client.delete(parent, headers=signer.headers(1))

    assert (await client.get(child, headers=signer.headers(1))).json()["parent_file"] is None


async def test_an_output_cannot_be_deleted_even_by_staff(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    url = (await upload(kind="OUTPUT")).json()["url"]

    for headers in (signer.headers(1), signer.headers(ADMIN, is_staff=True)):
        answer = await client.delete(url, headers=headers)
        assert (answer.status_code, answer.json()) == (403, FORBIDDEN)
    await client.patch(url, headers=signer.headers(1), json={"kind": "INPUT"})
    assert (await client.delete(url, headers=signer.headers(1))).status_code == 204


async def test_a_held_file_cannot_be_deleted(
    upload: Uploads,
    hold: Holds,
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    peers: Peers,
) -> None:
    file = (await upload()).json()
    await hold("run-1", [file["id"]])

    at_once = await client.delete(file["url"], headers=signer.headers(1))
    await make_holds_old(database)
    peers.answer("GET", HOLDERS, json={"exists": True})
    later = await client.delete(file["url"], headers=signer.headers(1))

    assert (at_once.status_code, later.status_code) == (403, 403)
    assert (await client.get(file["blob_url"])).status_code == 200


async def test_a_hold_whose_run_was_never_made_is_let_go(
    upload: Uploads,
    hold: Holds,
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    peers: Peers,
) -> None:
    file = (await upload()).json()
    await hold("never-made", [file["id"]])
    await make_holds_old(database)
    peers.answer("GET", HOLDERS, json={"exists": False})

    answer = await client.delete(file["url"], headers=signer.headers(1))

    assert answer.status_code == 204
    assert peers.asked[-1].url.params["holder"] == "never-made"


async def test_a_silent_runs_service_keeps_the_file_for_now(
    upload: Uploads,
    hold: Holds,
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    peers: Peers,
) -> None:
    file = (await upload()).json()
    await hold("run-1", [file["id"]])
    await make_holds_old(database)
    peers.silence("GET", HOLDERS)

    answer = await client.delete(file["url"], headers=signer.headers(1))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


async def test_of_a_hold_and_a_deletion_at_once_exactly_one_succeeds(
    upload: Uploads, hold: Holds, client: httpx.AsyncClient, signer: Signer
) -> None:
    files = [(await upload()).json() for _ in range(20)]
    headers = signer.headers(1)

    async def race(file: dict[str, int]) -> tuple[int, int]:
        held, deleted = await asyncio.gather(
            hold("run-1", [file["id"]]), client.delete(f"{URL}{file['id']}/", headers=headers)
        )
        return held.status_code, deleted.status_code

    outcomes = await asyncio.gather(*(race(file) for file in files))

    assert set(outcomes) <= {(200, 403), (400, 204)}


@in_every_place
async def test_an_upload_that_crashed_after_storing_is_cleaned_up_when_due(
    app: FastAPI, database: Database, stored: StoredBlobs
) -> None:
    store: LocalStore = app.state.store
    blob = await store.stage()
    await blob.write(b"whole")
    await blob.finish()
    await blob.keep()
    due_at = utc_now() + timedelta(seconds=3600)
    async with database.transaction() as session:
        session.add(DoomedBlob(key=blob.key, due_at=due_at))

    assert await remove_due_blobs(database, store) == 0
    async with database.transaction() as session:
        await session.execute(update(DoomedBlob).values(due_at=utc_now()))
    assert await remove_due_blobs(database, store) == 1
    assert stored() == []


@in_every_place
async def test_an_upload_that_the_clock_makes_look_dead_is_refused_and_leaves_nothing(
    app: FastAPI,
    upload: Uploads,
    database: Database,
    stored: StoredBlobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store: BlobStore = app.state.store
    stage = store.stage

    async def stage_for_an_hour(key: str | None = None) -> StagedBlob:
        blob = await stage(key)
        keep = blob.keep

        async def keep_late() -> None:
            async with database.transaction() as session:
                await session.execute(update(DoomedBlob).values(due_at=utc_now()))
            assert await remove_due_blobs(database, store) == 1
            await keep()

        monkeypatch.setattr(blob, "keep", keep_late)
        return blob

    monkeypatch.setattr(store, "stage", stage_for_an_hour)
    answer = await upload()

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert len(stored()) == 1
    assert await remove_due_blobs(database, store) == 1
    assert stored() == []


@in_every_place
async def test_an_upload_that_ends_while_the_sweeper_looks_keeps_its_content(
    app: FastAPI, upload: Uploads, database: Database, stored: StoredBlobs
) -> None:
    """Looked up as due, and gone from the list before it is taken."""
    content = (await upload()).json()
    async with database.reading() as session:
        [key] = (await session.scalars(select(col(File.blob_key)))).all()

    assert await take(database, [key]) == []
    assert await remove_due_blobs(database, app.state.store) == 0
    assert len(stored()) == 1, content


async def test_a_finished_upload_is_not_doomed(upload: Uploads, database: Database) -> None:
    await upload()

    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(DoomedBlob)) == 0
