import asyncio
from typing import Any

from sqlalchemy import func, select

from services.runs import queries
from services.runs.consumers import SUBSCRIPTIONS
from services.runs.models import METADATA, Run
from services.runs.testing import ALICE, LINK_MISSING, Api, Neighbours, url
from shared.db import Database
from shared.events.files import FileDeleted
from shared.events.pipelines import PipelineDeleted
from shared.events.users import UserDeleted
from shared.hyperlinks import id_of
from shared.messaging.consumer import handle_once
from shared.testing.fixtures import Published

ON_USER_DELETED, ON_PIPELINE_DELETED, ON_FILE_DELETED = SUBSCRIPTIONS
# What administrators did stays noted; a backend may be one of them.
KEPT = {"audit_log", "outbox", "processed_events", "tombstones"}
# Whoever does not wait for the other has long ended by then.
WAITS_SECONDS = 0.5


async def rows_left(database: Database) -> dict[str, int]:
    async with database.reading() as session:
        counts = {
            name: (await session.execute(select(func.count()).select_from(table))).scalar_one()
            for name, table in METADATA.tables.items()
            if name not in KEPT
        }
    return {name: count for name, count in counts.items() if count}


async def deletions(published: Published) -> list[dict[str, Any]]:
    return [data for subject, data in await published() if subject.endswith("runs.run.deleted")]


async def begin(api: Api, neighbours: Neighbours) -> tuple[dict[str, Any], str, int]:
    """A run with an output, an input handed on, a log and a job at work."""
    run = await api.start_run()
    first, second = run["jobs"]
    made = neighbours.add_file("o.txt", kind="OUTPUT")
    files = [url("files", made), *run["files"]]
    await api.patch(first, {"status": "FINISHED", "logs": "x", "output_files": files})
    return run, (await api.claim(second))["lease"]["token"], made


async def test_a_deleted_run_leaves_nothing_and_names_what_it_made(
    api: Api, neighbours: Neighbours, database: Database, published: Published
) -> None:
    run, lease, made = await begin(api, neighbours)

    answer = await api.client.delete(run["url"], headers=api.alice)

    assert (answer.status_code, answer.content) == (204, b"")
    # All that is left to tell of it is that it is gone.
    assert await rows_left(database) == {"feed": 1, "feed_positions": 1}
    [deleted] = await deletions(published)
    assert deleted == {
        "run_id": id_of(run["url"]),
        "owner_id": ALICE,
        "holder": neighbours.holds[0]["holder"],
        "output_file_ids": [made],
    }
    assert (await api.say(run["jobs"][1], "heartbeat", {"lease": lease})).status_code == 404


async def test_only_the_owner_and_administrators_delete_a_run(api: Api) -> None:
    first, second = await api.start_run(), await api.start_run()

    assert (await api.client.delete(first["url"], headers=api.bob)).status_code == 404
    assert (await api.client.delete(first["url"], headers=api.worker)).status_code == 403
    assert (await api.client.delete(first["url"], headers=api.admin)).status_code == 204
    assert (await api.client.delete(first["url"], headers=api.alice)).status_code == 404
    assert (await api.read(second["url"]))["jobs"] == second["jobs"]


async def test_runs_go_with_their_user_once(
    api: Api, neighbours: Neighbours, database: Database, published: Published
) -> None:
    await begin(api, neighbours)
    await begin(api, neighbours)
    event = UserDeleted(user_id=ALICE)

    first = await handle_once(database, ON_USER_DELETED, "e1", event)
    second = await handle_once(database, ON_USER_DELETED, "e1", event)
    again = await handle_once(database, ON_USER_DELETED, "e2", event)

    assert (first, second, again) == (True, False, True)
    assert await rows_left(database) == {}
    assert len(await deletions(published)) == 2


async def test_runs_go_with_their_pipeline_and_others_stay(api: Api, database: Database) -> None:
    gone, kept = await api.start_run(), await api.start_run()
    event = PipelineDeleted(pipeline_id=id_of(gone["pipeline"]), owner_id=ALICE)

    await handle_once(database, ON_PIPELINE_DELETED, "e1", event)

    runs = (await api.client.get("/api/v1/runs/", headers=api.alice)).json()
    assert [run["url"] for run in runs] == [kept["url"]]


async def test_a_run_never_outlives_a_pipeline_that_goes_while_it_is_made(
    api: Api, neighbours: Neighbours, database: Database
) -> None:
    """The pipeline answered, then went, and its event was handled before the run was stored."""
    pipeline_id = neighbours.add_pipeline((neighbours.add_function(), {}))
    event = PipelineDeleted(pipeline_id=pipeline_id, owner_id=ALICE)
    await handle_once(database, ON_PIPELINE_DELETED, "e1", event)

    answer = await api.ask_for_run(pipeline_id, [])

    assert (answer.status_code, answer.json()) == (400, {"pipeline": [LINK_MISSING]})
    assert await rows_left(database) == {}


async def test_deleting_and_claiming_at_once_leaves_no_half_run(
    api: Api, database: Database
) -> None:
    runs = [await api.start_run() for _ in range(4)]

    answers = await asyncio.gather(
        *(api.ask_for_claim(run["jobs"][0]) for run in runs),
        *(api.client.delete(run["url"], headers=api.alice) for run in runs),
    )

    assert {answer.status_code for answer in answers[:4]} <= {200, 404}
    assert {answer.status_code for answer in answers[4:]} == {204}
    assert await rows_left(database) == {"feed": 4, "feed_positions": 1}


async def test_a_file_that_is_gone_is_an_output_of_no_job(
    api: Api, neighbours: Neighbours, database: Database
) -> None:
    run, _, made = await begin(api, neighbours)

    await handle_once(database, ON_FILE_DELETED, "e1", FileDeleted(file_id=made, owner_id=ALICE))

    assert (await api.read(run["jobs"][0]))["output_files"] == run["files"]


async def test_a_run_that_is_just_being_made_goes_with_its_owner(
    api: Api, database: Database
) -> None:
    await api.start_run()
    gone = UserDeleted(user_id=ALICE)
    async with database.transaction() as session:
        assert not await queries.any_is_gone(session, ("user", ALICE))
        deletion = asyncio.create_task(handle_once(database, ON_USER_DELETED, "1", gone))
        await asyncio.wait({deletion}, timeout=WAITS_SECONDS)
        session.add(Run(owner_id=ALICE, pipeline_id=1, holder="late"))

    assert await deletion
    assert "runs" not in await rows_left(database)
