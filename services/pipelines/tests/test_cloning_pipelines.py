import httpx
import pytest

from services.pipelines.consumers import ON_MODULE_REMOVED
from services.pipelines.tests.conftest import (
    PIPELINES,
    PLAIN,
    TASKS,
    WITH_OPTIONS,
    AddPipeline,
    AddTask,
)
from shared.db import Database
from shared.events.modules import ModuleRemoved
from shared.messaging.consumer import handle_once
from shared.testing.tokens import Signer


async def test_a_clone_has_the_same_tasks_in_the_same_order(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline, add_task: AddTask
) -> None:
    original = await add_pipeline(name="attack", enabled=True)
    for function, arguments in ((WITH_OPTIONS, '{"epsilon": 1}'), (PLAIN, "{}")):
        await add_task(original, function, arguments=arguments)
    original = (await client.get(original["url"], headers=signer.headers())).json()

    answer = await client.post(f"{original['url']}clone/", headers=signer.headers())

    assert answer.status_code == 201, answer.text
    clone = answer.json()
    assert answer.headers["location"] == clone["url"] != original["url"]
    same = ("owner", "enabled", "runs")
    assert [clone[name] for name in same] == [original[name] for name in same]
    assert clone["name"] == "attack (copy)"
    kept = ("function", "arguments", "order")
    assert [[task[name] for name in kept] for task in clone["tasks"]] == [
        [task[name] for name in kept] for task in original["tasks"]
    ]
    assert {task["id"] for task in clone["tasks"]}.isdisjoint(
        task["id"] for task in original["tasks"]
    )
    assert (await client.get(clone["url"], headers=signer.headers())).json() == clone
    assert (await client.get(original["url"], headers=signer.headers())).json() == original


async def test_a_clone_goes_its_own_way(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline, add_task: AddTask
) -> None:
    original = await add_pipeline()
    await add_task(original, PLAIN)
    clone = (await client.post(f"{original['url']}clone/", headers=signer.headers())).json()

    added = await add_task(clone, PLAIN)
    await client.delete(original["url"], headers=signer.headers())

    assert added["order"] == 2
    shown = (await client.get(clone["url"], headers=signer.headers())).json()
    assert [task["order"] for task in shown["tasks"]] == [1, 2]


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("p", {"name": "another"}, "another"),
        ("p", {}, "p (copy)"),
        ("n" * 100, {}, "n" * 93 + " (copy)"),
    ],
)
async def test_a_clone_is_named_by_whom_makes_it_or_after_its_original(
    client: httpx.AsyncClient,
    signer: Signer,
    add_pipeline: AddPipeline,
    name: str,
    body: dict[str, str],
    expected: str,
) -> None:
    original = await add_pipeline(name=name)

    for sent in ({"json": body}, {"data": body}):
        answer = await client.post(f"{original['url']}clone/", headers=signer.headers(), **sent)  # type: ignore[arg-type]  # One of the two encodings.
        assert (answer.status_code, answer.json()["name"]) == (201, expected)


async def test_a_name_that_is_too_long_makes_no_clone(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    original = await add_pipeline()

    answer = await client.post(
        f"{original['url']}clone/", json={"name": "n" * 101}, headers=signer.headers()
    )

    assert (answer.status_code, list(answer.json())) == (400, ["name"])
    assert len((await client.get(PIPELINES, headers=signer.headers())).json()) == 1


async def test_a_task_without_a_function_is_cloned_without_one(
    client: httpx.AsyncClient,
    database: Database,
    signer: Signer,
    add_pipeline: AddPipeline,
    add_task: AddTask,
) -> None:
    original = await add_pipeline()
    await add_task(original, PLAIN)
    removed = ModuleRemoved(module_id=1, name="probe", function_ids=[PLAIN])
    await handle_once(database, ON_MODULE_REMOVED, "e1", removed)

    clone = (await client.post(f"{original['url']}clone/", headers=signer.headers())).json()

    assert [task["function"] for task in clone["tasks"]] == [None]


async def test_only_the_owner_clones_a_pipeline(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline, add_task: AddTask
) -> None:
    original = await add_pipeline()
    await add_task(original, PLAIN)
    address = f"{original['url']}clone/"

    by_another = await client.post(address, headers=signer.headers(2))
    by_administrator = await client.post(address, headers=signer.headers(9, is_staff=True))
    by_a_reader = await client.post(address, headers=signer.headers(scopes="pipelines:read"))
    of_nothing = await client.post(f"{PIPELINES}999/clone/", headers=signer.headers())

    assert (by_another.status_code, of_nothing.status_code) == (404, 404)
    assert (by_administrator.status_code, by_a_reader.status_code) == (403, 403)
    assert by_administrator.json() == {"detail": "Administrators own no pipelines."}
    assert len((await client.get(TASKS, headers=signer.headers())).json()) == 1


async def test_a_clone_that_is_asked_for_again_is_answered_again(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    original = await add_pipeline()
    headers = {**signer.headers(), "Idempotency-Key": "k"}

    first = await client.post(f"{original['url']}clone/", headers=headers)
    second = await client.post(f"{original['url']}clone/", headers=headers)

    assert (second.status_code, second.json()) == (201, first.json())
    assert len((await client.get(PIPELINES, headers=signer.headers())).json()) == 2
