import asyncio

import httpx
import pytest

from services.pipelines.tests.conftest import (
    FUNCTIONS_URL,
    PIPELINES,
    PLAIN,
    TASKS,
    WITH_OPTIONS,
    AddPipeline,
    AddTask,
    play_functions,
)
from shared.testing.fixtures import HOST
from shared.testing.peers import Peers
from shared.testing.tokens import Signer

REQUIRED = ["This field is required."]
EMPTY = ["Function may not be empty."]
MISSING = ["Invalid hyperlink - Object does not exist."]
FUNCTION = f"/api/v1/functions/{PLAIN}/"


async def test_a_task_goes_to_the_end_of_its_pipeline(
    add_pipeline: AddPipeline, add_task: AddTask
) -> None:
    pipeline, other = await add_pipeline(), await add_pipeline(enabled=True)

    first = await add_task(pipeline, order=99, owner=f"{HOST}/api/v1/users/9/")
    elsewhere = await add_task(other)
    second = await add_task(pipeline)

    assert first.pop("date_created").endswith("Z")
    assert first == {
        "id": first["id"],
        "url": f"{HOST}{TASKS}{first['id']}/",
        "owner": f"{HOST}/api/v1/users/1/",
        "pipeline": pipeline["url"],
        "function": f"{HOST}{FUNCTION}",
        "arguments": "{}",
        "order": 1,
    }
    assert (elsewhere["order"], second["order"]) == (1, 2)


async def test_the_arguments_are_kept_as_the_caller_wrote_them(
    add_pipeline: AddPipeline, add_task: AddTask
) -> None:
    text = '{"epsilon":"0.5",  "steps": "4"}'
    task = await add_task(await add_pipeline(), WITH_OPTIONS, arguments=text)
    assert task["arguments"] == '{"epsilon": "0.5", "steps": "4"}'


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"pipeline": REQUIRED, "function": REQUIRED}),
        ({"function": None}, {"function": EMPTY}),
        ({"function": ""}, {"function": EMPTY}),
        ({"function": "/api/v1/functions/999/"}, {"function": MISSING}),
        ({"function": 1}, {"function": ["Incorrect type. Expected URL string, received int."]}),
        ({"pipeline": None}, {"pipeline": ["This field may not be null."]}),
        ({"pipeline": ""}, {"pipeline": ["This field may not be null."]}),
        ({"pipeline": "/api/v1/pipelines/999/"}, {"pipeline": MISSING}),
        ({"pipeline": "/api/v1/pipelines/99999999999999999999/"}, {"pipeline": MISSING}),
        ({"arguments": {"a": 1}}, {"arguments": ["Not a valid string."]}),
        ({"arguments": "{'a': 1}"}, {"arguments": ["Not a valid JSON text."]}),
        ({"arguments": "[" * 100_000}, {"arguments": ["Not a valid JSON text."]}),
        ({"arguments": ""}, {"arguments": ["This field may not be blank."]}),
        ({"arguments": None}, {"arguments": ["This field may not be null."]}),
        ({"arguments": '{"a": 1}'}, {"arguments": ['Unknown option: "a".']}),
        (
            {"pipeline": "/api/v1/pipelines/999/", "arguments": '{"a": 1}'},
            {"pipeline": MISSING, "arguments": ['Unknown option: "a".']},
        ),
        (
            {"pipeline": "x", "function": [], "arguments": "{"},
            {
                "pipeline": ["Invalid hyperlink - No URL match."],
                "function": ["Incorrect type. Expected URL string, received list."],
                "arguments": ["Not a valid JSON text."],
            },
        ),
    ],
)
async def test_a_refused_task_leaves_nothing_behind(
    client: httpx.AsyncClient,
    signer: Signer,
    add_pipeline: AddPipeline,
    body: dict[str, object],
    faults: dict[str, object],
) -> None:
    pipeline = await add_pipeline()
    valid = {"pipeline": pipeline["url"], "function": FUNCTION}

    sent = {**valid, **body} if body else body
    answer = await client.post(TASKS, json=sent, headers=signer.headers())

    assert (answer.status_code, answer.json()) == (400, faults)
    assert (await client.get(TASKS, headers=signer.headers())).json() == []


async def test_arguments_are_checked_against_the_functions_options(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    form = {
        "pipeline": (await add_pipeline())["url"],
        "function": f"/api/v1/functions/{WITH_OPTIONS}/",
        "arguments": '{"steps": 1.5, "sigma": 2}',
    }
    answer = await client.post(TASKS, data=form, headers=signer.headers())
    assert answer.status_code == 400
    assert answer.json() == {
        "arguments": [
            'Unknown option: "sigma".',
            "Option epsilon is required.",
            "Option steps: expected a whole number, not 1.5.",
        ]
    }


async def test_anothers_pipeline_looks_as_if_it_did_not_exist(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    body = {"pipeline": (await add_pipeline(2))["url"], "function": FUNCTION}
    answer = await client.post(TASKS, json=body, headers=signer.headers(1))
    assert (answer.status_code, answer.json()) == (400, {"pipeline": MISSING})


async def test_without_the_modules_service_nothing_is_stored(
    client: httpx.AsyncClient, signer: Signer, peers: Peers, add_pipeline: AddPipeline
) -> None:
    pipeline = await add_pipeline()
    peers.silence("GET", FUNCTIONS_URL)
    body = {"pipeline": pipeline["url"], "function": FUNCTION}

    answer = await client.post(TASKS, json=body, headers=signer.headers())

    assert answer.status_code == 503
    assert (await client.get(TASKS, headers=signer.headers())).json() == []


async def test_tasks_added_at_once_get_a_place_each(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline, add_task: AddTask
) -> None:
    pipeline = await add_pipeline()

    tasks = await asyncio.gather(*(add_task(pipeline) for _ in range(12)))

    assert sorted(task["order"] for task in tasks) == list(range(1, 13))


async def test_a_pipeline_that_goes_while_modules_is_asked_gets_no_task(
    client: httpx.AsyncClient, signer: Signer, peers: Peers, add_pipeline: AddPipeline
) -> None:
    pipeline = await add_pipeline()
    modules_was_asked, pipeline_is_gone = asyncio.Event(), asyncio.Event()

    class SlowModules(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if str(request.url).startswith(FUNCTIONS_URL):
                modules_was_asked.set()
                await pipeline_is_gone.wait()
                return play_functions(request)
            return await peers.handle_async_request(request)

    app = client._transport.app  # type: ignore[attr-defined]
    app.state.http._transport = SlowModules()
    body = {"pipeline": pipeline["url"], "function": FUNCTION}
    posting = asyncio.create_task(client.post(TASKS, json=body, headers=signer.headers()))
    await modules_was_asked.wait()
    await client.delete(pipeline["url"], headers=signer.headers())
    pipeline_is_gone.set()

    answer = await posting
    assert (answer.status_code, answer.json()) == (400, {"pipeline": MISSING})


async def test_tasks_are_listed_by_order_across_pipelines(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline, add_task: AddTask
) -> None:
    pipeline, other, bobs = await add_pipeline(), await add_pipeline(), await add_pipeline(2)
    one, two = await add_task(pipeline), await add_task(pipeline)
    three = await add_task(other)
    foreign = await add_task(bobs, owner_id=2)

    async def listed(query: str = "", user_id: int = 1, *, is_staff: bool = False) -> list[int]:
        headers = signer.headers(user_id, is_staff=is_staff)
        return [task["id"] for task in (await client.get(TASKS + query, headers=headers)).json()]

    assert await listed() == [one["id"], three["id"], two["id"]]
    assert await listed(f"?pipeline={pipeline['id']}") == [one["id"], two["id"]]
    assert await listed(f"?pipeline={bobs['id']}") == []
    assert await listed("?pipeline=999999999") == []
    assert await listed(f"?pipeline={bobs['id']}", 9, is_staff=True) == [foreign["id"]]


async def test_a_task_is_seen_by_its_owner_and_by_administrators(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline, add_task: AddTask
) -> None:
    task = await add_task(await add_pipeline())
    assert (await client.get(task["url"], headers=signer.headers(1))).json() == task
    assert (await client.get(task["url"], headers=signer.headers(9, is_staff=True))).json() == task
    assert (await client.get(task["url"], headers=signer.headers(2))).status_code == 404


async def test_a_task_is_never_changed(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline, add_task: AddTask
) -> None:
    task = await add_task(await add_pipeline())
    for method in ("PUT", "PATCH", "DELETE"):
        answer = await client.request(method, task["url"], headers=signer.headers())
        assert answer.status_code == 405
        assert answer.json() == {"detail": f'Method "{method}" not allowed.'}


async def test_a_workers_token_opens_nothing_here(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    headers = signer.headers(1, is_staff=True, scopes="jobs:execute")
    for path in (PIPELINES, TASKS):
        assert (await client.get(path, headers=headers)).status_code == 403
