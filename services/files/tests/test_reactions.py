import asyncio
from typing import Any

import httpx
from sqlalchemy import update
from sqlalchemy.event import listen

from services.files import queries
from services.files.consumers import (
    SUBSCRIPTIONS,
    confirm_what_a_run_holds,
    delete_files_of_deleted_user,
    release_what_a_run_held,
)
from services.files.models import File, FileReference
from services.files.tests.conftest import ADMIN, URL, Holds, Uploads
from shared.clock import utc_now
from shared.db import Database
from shared.events.base import Event
from shared.events.runs import RunCreated, RunDeleted
from shared.events.users import UserDeleted
from shared.messaging.consumer import Subscription, handle_once
from shared.testing.fixtures import Published
from shared.testing.tokens import Signer

# Whoever does not wait for the other has long ended by then.
WAITS_SECONDS = 0.5


async def hear(database: Database, event: Event, event_id: str = "1") -> bool:
    [subscription] = [each for each in SUBSCRIPTIONS if each.event is type(event)]
    heard: Subscription[Event] = subscription
    return await handle_once(database, heard, event_id, event)


def run_deleted(holder: str, *output_file_ids: int) -> RunDeleted:
    return RunDeleted(run_id=1, owner_id=1, holder=holder, output_file_ids=list(output_file_ids))


async def names(client: httpx.AsyncClient, signer: Signer) -> list[str]:
    headers = signer.headers(ADMIN, is_staff=True)
    return [file["name"] for file in (await client.get(URL, headers=headers)).json()]


async def test_a_deleted_users_files_go_once_and_others_lose_the_parent(
    upload: Uploads,
    hold: Holds,
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    published: Published,
) -> None:
    held = (await upload("held")).json()
    await hold("run-1", [held["id"]])
    await upload("output", kind="OUTPUT")
    child = await upload(
        "child", user=ADMIN, is_staff=True, owner="/api/v1/users/2/", parent_file=held["url"]
    )

    assert await hear(database, UserDeleted(user_id=1))
    assert not await hear(database, UserDeleted(user_id=1))
    assert await hear(database, UserDeleted(user_id=1), event_id="again, by another name")

    assert await names(client, signer) == ["child"]
    seen = await client.get(child.json()["url"], headers=signer.headers(2))
    assert seen.json()["parent_file"] is None
    assert len(await published()) == 2
    assert (await upload()).status_code == 401


async def test_a_run_that_was_made_confirms_what_it_holds(
    upload: Uploads, hold: Holds, client: httpx.AsyncClient, signer: Signer, database: Database
) -> None:
    file = (await upload()).json()
    await hold("run-1", [file["id"]])
    created = RunCreated(
        run_id=1, owner_id=1, pipeline_id=1, job_ids=[], file_ids=[file["id"]], holder="run-1"
    )

    await hear(database, created)
    async with database.transaction() as session:
        await session.execute(update(FileReference).values(created_at=utc_now().replace(year=2020)))

    # However old the hold is, nobody is asked: the runs service is not even played here.
    assert (await client.delete(file["url"], headers=signer.headers(1))).status_code == 403


async def test_a_deleted_runs_outputs_go_and_its_inputs_are_free(
    upload: Uploads, hold: Holds, client: httpx.AsyncClient, signer: Signer, database: Database
) -> None:
    taken = (await upload("taken")).json()
    made = (await upload("made", kind="OUTPUT")).json()["id"]
    await upload("of nobody", kind="OUTPUT")
    await hold("run-1", [taken["id"]])
    await hold("run-1", [made], role="output")
    await hold("run-2", [made], role="output")

    await hear(database, run_deleted("run-1", taken["id"], made))

    assert await names(client, signer) == ["taken", "of nobody"]
    assert (await client.delete(taken["url"], headers=signer.headers(1))).status_code == 204


async def test_an_output_that_became_an_input_of_another_run_stays(
    upload: Uploads, hold: Holds, client: httpx.AsyncClient, signer: Signer, database: Database
) -> None:
    made = (await upload("made", kind="OUTPUT")).json()
    await hold("run-1", [made["id"]], role="output")
    await client.patch(made["url"], headers=signer.headers(1), json={"kind": "INPUT"})
    await hold("run-2", [made["id"]])

    await hear(database, run_deleted("run-1", made["id"]))

    assert await names(client, signer) == ["made"]
    assert (await client.delete(made["url"], headers=signer.headers(1))).status_code == 403


async def test_a_listed_output_goes_whatever_its_kind_says_now(
    upload: Uploads, hold: Holds, client: httpx.AsyncClient, signer: Signer, database: Database
) -> None:
    made = (await upload("made", kind="OUTPUT")).json()
    await hold("run-1", [made["id"]], role="output")
    await client.patch(made["url"], headers=signer.headers(1), json={"kind": "INPUT"})

    await hear(database, run_deleted("run-1", made["id"]))

    assert await names(client, signer) == []


async def test_a_run_cannot_take_along_files_it_never_held(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer, database: Database
) -> None:
    stranger = (await upload("stranger", user=2, kind="OUTPUT")).json()["id"]

    await hear(database, run_deleted("run-1", stranger))

    assert await names(client, signer) == ["stranger"]


def test_every_reaction_is_subscribed_under_a_lasting_name() -> None:
    assert {each.name: each.handler for each in SUBSCRIPTIONS} == {
        "delete-files-of-deleted-user": delete_files_of_deleted_user,
        "confirm-what-a-run-holds": confirm_what_a_run_holds,
        "release-what-a-run-held": release_what_a_run_held,
    }


async def test_what_is_just_being_stored_for_a_deleted_user_goes_too(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer, database: Database
) -> None:
    await upload("stored")
    async with database.transaction() as session:
        assert not await queries.is_departed(session, 1)
        deletion = asyncio.create_task(hear(database, UserDeleted(user_id=1)))
        await asyncio.wait({deletion}, timeout=WAITS_SECONDS)
        session.add(File(owner_id=1, name="late", blob_key="k", size=0, sha256=""))

    assert await deletion
    assert await names(client, signer) == []


async def test_a_user_with_very_many_files_goes_in_few_statements(
    database: Database, published: Published
) -> None:
    many = 1200
    async with database.transaction() as session:
        keys = [f"{number:032d}" for number in range(many)]
        session.add_all(File(owner_id=1, name="a", blob_key=k, size=1, sha256="") for k in keys)
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    listen(database.engine.sync_engine, "before_cursor_execute", count)
    assert await hear(database, UserDeleted(user_id=1))

    assert len(statements) < 20
    told = [event["file_id"] for _, event in await published()]
    assert len(told) == many
    assert told == sorted(told)
