from typing import Any

import httpx
import pytest

from services.pipelines.tests.conftest import (
    PIPELINES,
    RUNS_URL,
    TASKS,
    WITH_OPTIONS,
    AddPipeline,
    AddTask,
    run_row,
)
from shared.testing.fixtures import HOST, Published
from shared.testing.peers import Peers
from shared.testing.tokens import Signer


async def test_a_new_pipeline_is_its_creators_and_disabled(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    body = {"name": "  first  ", "owner": f"{HOST}/api/v1/users/9/", "tasks": [1], "id": 77}

    answer = await client.post(PIPELINES, json=body, headers=signer.headers(7))

    shown = answer.json()
    moment = shown.pop("date_created")
    assert moment.endswith("Z")
    assert answer.status_code == 201
    assert answer.headers["location"] == shown["url"] == f"{HOST}{PIPELINES}{shown['id']}/"
    assert shown == {
        "id": shown["id"],
        "url": shown["url"],
        "name": "first",
        "owner": f"{HOST}/api/v1/users/7/",
        "tasks": [],
        "runs": [],
        "enabled": False,
    }


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {"name": ["This field is required."]}),
        ({"name": ""}, {"name": ["This field may not be blank."]}),
        ({"name": None}, {"name": ["This field may not be null."]}),
        ({"name": True}, {"name": ["Not a valid string."]}),
        (
            {"name": "n" * 101},
            {"name": ["Ensure this field has no more than 100 characters."]},
        ),
        ({"name": "e", "enabled": "maybe"}, {"enabled": ["Must be a valid boolean."]}),
        ({"name": "e", "enabled": None}, {"enabled": ["This field may not be null."]}),
        (
            {"name": "", "enabled": "x"},
            {
                "name": ["This field may not be blank."],
                "enabled": ["Must be a valid boolean."],
            },
        ),
    ],
)
async def test_a_refused_pipeline_leaves_nothing_behind(
    client: httpx.AsyncClient, signer: Signer, body: dict[str, object], faults: dict[str, object]
) -> None:
    answer = await client.post(PIPELINES, json=body, headers=signer.headers())

    assert (answer.status_code, answer.json()) == (400, faults)
    assert (await client.get(PIPELINES, headers=signer.headers())).json() == []


async def test_a_name_that_no_answer_could_show_is_refused(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    headers = {**signer.headers(), "Content-Type": "application/json"}
    answer = await client.post(PIPELINES, content=b'{"name": "\\ud800"}', headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"name": ["Not a valid string."]})


async def test_a_form_makes_a_pipeline_too(client: httpx.AsyncClient, signer: Signer) -> None:
    form = {"name": "fourth", "enabled": "on"}
    answer = await client.post(PIPELINES, data=form, headers=signer.headers())
    assert (answer.status_code, answer.json()["enabled"]) == (201, True)

    blank = await client.post(
        PIPELINES, data={"name": "fifth", "enabled": ""}, headers=signer.headers()
    )
    assert (blank.status_code, blank.json()["enabled"]) == (201, False)


async def test_an_administrator_owns_no_pipelines(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    admin = signer.headers(1, is_staff=True)
    for path in (PIPELINES, TASKS):
        answer = await client.post(path, json={}, headers=admin)
        assert (answer.status_code, answer.json()) == (
            403,
            {"detail": "Administrators own no pipelines."},
        )


async def test_a_pipeline_shows_its_tasks_in_order_and_its_runs(
    client: httpx.AsyncClient,
    signer: Signer,
    peers: Peers,
    add_pipeline: AddPipeline,
    add_task: AddTask,
) -> None:
    pipeline = await add_pipeline()
    first = await add_task(pipeline, WITH_OPTIONS, arguments='{"epsilon":1}')
    second = await add_task(pipeline)
    peers.answer("GET", RUNS_URL, json=[run_row(3, pipeline), run_row(5, pipeline)])

    shown = (await client.get(pipeline["url"], headers=signer.headers())).json()

    assert [task["id"] for task in shown["tasks"]] == [first["id"], second["id"]]
    assert shown["tasks"][0] == {
        "id": first["id"],
        "url": first["url"],
        "function": f"{HOST}/api/v1/functions/{WITH_OPTIONS}/",
        "arguments": '{"epsilon": 1}',
        "order": 1,
    }
    assert shown["runs"] == [f"{HOST}/api/v1/runs/3/", f"{HOST}/api/v1/runs/5/"]


async def test_a_list_asks_for_the_runs_of_all_pipelines_at_once(
    client: httpx.AsyncClient, signer: Signer, peers: Peers, add_pipeline: AddPipeline
) -> None:
    pipelines = [await add_pipeline(name=f"p{number}") for number in range(3)]
    peers.answer("GET", RUNS_URL, json=[run_row(8, pipelines[1])])
    peers.asked.clear()

    shown = (await client.get(PIPELINES, headers=signer.headers())).json()

    assert [one["id"] for one in shown] == [one["id"] for one in pipelines]
    assert [one["runs"] for one in shown] == [[], [f"{HOST}/api/v1/runs/8/"], []]
    [asked] = peers.asked
    assert asked.url.params["pipeline"] == ",".join(str(one["id"]) for one in pipelines)


async def test_nobody_is_asked_for_fields_that_are_not_wanted(
    client: httpx.AsyncClient, signer: Signer, peers: Peers, add_pipeline: AddPipeline
) -> None:
    pipeline = await add_pipeline()
    peers.silence("GET", RUNS_URL)
    headers = signer.headers()

    some = await client.get(f"{PIPELINES}?fields=id,owner", headers=headers)
    one = await client.get(f"{pipeline['url']}?fields=name,tasks", headers=headers)
    unknown = await client.get(f"{PIPELINES}?fields=id,secret", headers=headers)

    assert some.json() == [{"id": pipeline["id"], "owner": f"{HOST}/api/v1/users/1/"}]
    assert one.json() == {"name": "p", "tasks": []}
    assert (unknown.status_code, list(unknown.json())) == (400, ["fields"])


async def test_without_the_runs_service_there_is_no_half_answer(
    client: httpx.AsyncClient, signer: Signer, peers: Peers, add_pipeline: AddPipeline
) -> None:
    await add_pipeline()
    peers.silence("GET", RUNS_URL)

    answer = await client.get(PIPELINES, headers=signer.headers())

    assert answer.status_code == 503
    assert "retry-after" in answer.headers


async def test_people_see_their_own_pipelines_and_administrators_all(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    mine = await add_pipeline(1)
    other = await add_pipeline(2)

    async def listed(query: str = "", **who: object) -> list[int]:
        headers = signer.headers(**who)  # type: ignore[arg-type]
        answer = await client.get(PIPELINES + query, headers=headers)
        return [one["id"] for one in answer.json()]

    assert await listed(user_id=1) == [mine["id"]]
    assert await listed("?owner=2", user_id=1) == []
    assert await listed(f"?id={other['id']}", user_id=1) == []
    assert await listed(user_id=9, is_staff=True) == [mine["id"], other["id"]]
    assert await listed("?owner=2,3", user_id=9, is_staff=True) == [other["id"]]
    assert await listed("?owner=99999999999999999999", user_id=1) == []


async def test_a_filter_that_is_no_id_is_refused(client: httpx.AsyncClient, signer: Signer) -> None:
    answer = await client.get(f"{PIPELINES}?owner=x", headers=signer.headers())
    text = "Select a valid choice. That choice is not one of the available choices."
    assert (answer.status_code, answer.json()) == (400, {"owner": [text]})


async def test_what_is_anothers_is_missing_even_before_the_body_is_judged(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    pipeline = await add_pipeline(1)
    huge = f"{PIPELINES}99999999999999999999/"
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        for url in (pipeline["url"], f"{PIPELINES}999/", f"{PIPELINES}x/", huge):
            answer = await client.request(method, url, headers=signer.headers(2))
            assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


async def test_a_change_keeps_what_it_does_not_name(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    url = (await add_pipeline(name="old", enabled=True))["url"]
    headers = signer.headers()

    async def sent(method: str, **content: object) -> tuple[str, bool]:
        answer = await client.request(method, url, headers=headers, **content)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return answer.json()["name"], answer.json()["enabled"]

    assert await sent("PATCH", json={}) == ("old", True)
    assert await sent("PATCH", json={"name": "new"}) == ("new", True)
    assert await sent("PUT", json={"name": "put"}) == ("put", True)
    assert await sent("PUT", data={"name": "form"}) == ("form", True)
    assert await sent("PATCH", data={"enabled": "false"}) == ("form", False)


async def test_a_replacement_must_name_the_pipeline(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    url = (await add_pipeline())["url"]
    answer = await client.put(url, json={"enabled": True}, headers=signer.headers())
    assert (answer.status_code, answer.json()) == (400, {"name": ["This field is required."]})
    assert (await client.get(url, headers=signer.headers())).json()["enabled"] is False


async def test_an_administrator_changes_a_pipeline_and_its_owner_stays(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    pipeline = await add_pipeline(1)
    admin = signer.headers(9, is_staff=True)
    body = {"name": "by admin", "owner": f"{HOST}/api/v1/users/9/"}
    answer = await client.patch(pipeline["url"], json=body, headers=admin)
    assert answer.json()["name"] == "by admin"
    assert answer.json()["owner"] == pipeline["owner"]


async def test_a_deleted_pipeline_takes_its_tasks_along_and_says_so(
    client: httpx.AsyncClient,
    signer: Signer,
    add_pipeline: AddPipeline,
    add_task: AddTask,
    published: Published,
) -> None:
    pipeline = await add_pipeline(4)
    task = await add_task(pipeline, owner_id=4)
    headers = signer.headers(4)

    answer = await client.delete(pipeline["url"], headers=headers)

    assert (answer.status_code, answer.content) == (204, b"")
    for url in (pipeline["url"], task["url"]):
        assert (await client.get(url, headers=headers)).status_code == 404
    again = await client.delete(pipeline["url"], headers=headers)
    assert again.status_code == 404
    assert await published() == [
        (
            "mlsploit.events.pipelines.pipeline.deleted",
            {"pipeline_id": pipeline["id"], "owner_id": 4},
        )
    ]


async def test_the_id_of_a_deleted_pipeline_never_comes_back(
    client: httpx.AsyncClient, signer: Signer, add_pipeline: AddPipeline
) -> None:
    gone = await add_pipeline()
    await client.delete(gone["url"], headers=signer.headers())
    assert (await add_pipeline())["id"] > gone["id"]


async def test_a_narrowed_token_sees_the_runs_of_a_pipeline_only_when_it_may_read_runs(
    add_pipeline: AddPipeline, client: httpx.AsyncClient, signer: Signer, peers: Peers
) -> None:
    pipeline = await add_pipeline()
    peers.answer("GET", RUNS_URL, json=[run_row(5, pipeline)])

    async def seen(scopes: str) -> dict[str, Any]:
        headers = signer.headers(1, scopes=scopes)
        return dict((await client.get(pipeline["url"], headers=headers)).json())

    assert "runs" not in await seen("pipelines:read")
    assert len((await seen("pipelines:read runs:read"))["runs"]) == 1
