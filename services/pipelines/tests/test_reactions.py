import httpx

from services.pipelines.consumers import ON_MODULE_REMOVED, ON_MODULE_UPDATED, ON_USER_DELETED
from services.pipelines.tests.conftest import (
    PIPELINES,
    PLAIN,
    TASKS,
    WITH_OPTIONS,
    AddPipeline,
    AddTask,
)
from shared.db import Database
from shared.events.modules import ModuleRemoved, ModuleUpdated
from shared.events.users import UserDeleted
from shared.messaging.consumer import handle_once
from shared.testing.fixtures import Published
from shared.testing.tokens import Signer


async def test_a_deleted_users_pipelines_go_and_each_says_so_once(
    client: httpx.AsyncClient,
    database: Database,
    signer: Signer,
    add_pipeline: AddPipeline,
    add_task: AddTask,
    published: Published,
) -> None:
    gone = [await add_pipeline(5), await add_pipeline(5)]
    await add_task(gone[0], owner_id=5)
    kept = await add_pipeline(6)

    first = await handle_once(database, ON_USER_DELETED, "e1", UserDeleted(user_id=5))
    second = await handle_once(database, ON_USER_DELETED, "e1", UserDeleted(user_id=5))

    assert (first, second) == (True, False)
    assert [data["pipeline_id"] for _, data in await published()] == [one["id"] for one in gone]
    admin = signer.headers(9, is_staff=True)
    listed = (await client.get(PIPELINES, headers=admin)).json()
    assert [one["id"] for one in listed] == [kept["id"]]
    assert (await client.get(TASKS, headers=admin)).json() == []


async def test_tasks_of_a_removed_module_stay_without_a_function(
    client: httpx.AsyncClient,
    database: Database,
    signer: Signer,
    add_pipeline: AddPipeline,
    add_task: AddTask,
) -> None:
    pipeline = await add_pipeline()
    await add_task(pipeline, PLAIN)
    kept = await add_task(pipeline, WITH_OPTIONS, arguments='{"epsilon": 1}')
    removed = ModuleRemoved(module_id=1, name="probe", function_ids=[PLAIN])

    await handle_once(database, ON_MODULE_REMOVED, "e1", removed)

    tasks = (await client.get(TASKS, headers=signer.headers())).json()
    assert [task["function"] for task in tasks] == [None, kept["function"]]
    shown = (await client.get(pipeline["url"], headers=signer.headers())).json()
    assert [task["function"] for task in shown["tasks"]] == [None, kept["function"]]


async def test_an_update_takes_away_only_the_functions_it_names(
    client: httpx.AsyncClient,
    database: Database,
    signer: Signer,
    add_pipeline: AddPipeline,
    add_task: AddTask,
) -> None:
    pipeline = await add_pipeline()
    kept = await add_task(pipeline, PLAIN)
    await add_task(pipeline, WITH_OPTIONS, arguments='{"epsilon": 1}')
    updated = ModuleUpdated(
        module_id=1, name="probe", commit="1" * 40, removed_function_ids=[WITH_OPTIONS]
    )

    await handle_once(database, ON_MODULE_UPDATED, "e1", updated)

    tasks = (await client.get(TASKS, headers=signer.headers())).json()
    assert [task["function"] for task in tasks] == [kept["function"], None]
