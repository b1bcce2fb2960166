import json
from typing import Any

import pytest

from services.runs.testing import (
    ALICE,
    COMMIT,
    FILES,
    LINK_MISSING,
    MODULES,
    PIPELINES,
    Api,
    Neighbours,
    url,
)
from shared.testing.fixtures import Published
from shared.testing.peers import Peers

OPTIONS = [
    {"name": "times", "type": "int", "required": True, "default": 1},
    {"name": "colour", "type": "enum", "required": True, "enum_values": ["red", "green"]},
    {"name": "note", "type": "str", "required": True, "default": None},
]


async def test_a_run_has_one_job_per_task_in_order(api: Api) -> None:
    run = await api.start_run(jobs=3, files=2)

    assert run["owner"] == url("users", ALICE)
    assert run["files"] == [url("files", 1), url("files", 2)]
    assert (run["status"], run["started"], run["finished"]) == ("PENDING", None, None)
    jobs = [await api.read(job) for job in run["jobs"]]
    assert [job["task"] for job in jobs] == [url("tasks", number) for number in (101, 102, 103)]
    assert [job["parent_job"] for job in jobs] == [None, run["jobs"][0], run["jobs"][1]]
    assert {job["status"] for job in jobs} == {"PENDING"}
    assert (jobs[0]["output"], jobs[0]["output_files"], jobs[0]["logs"]) == (None, [], None)


async def test_a_run_tells_of_itself_and_offers_only_its_first_job(
    api: Api, published: Published
) -> None:
    run = await api.start_run(jobs=2)

    created, offered = await published()
    assert created[0] == "mlsploit.events.runs.run.created"
    assert created[1]["file_ids"] == [1]
    assert created[1]["holder"] == api.neighbours.holds[0]["holder"]
    assert offered[0] == "mlsploit.jobs.helloworld"
    assert url("jobs", offered[1]["job_id"]) == run["jobs"][0]
    assert (offered[1]["attempt"], offered[1]["input_file_ids"]) == (1, [1])


async def test_a_job_remembers_how_to_be_repeated(api: Api, neighbours: Neighbours) -> None:
    function_id = neighbours.add_function("Paint", options=OPTIONS)
    arguments = {"colour": "red", "note": 5}
    pipeline_id = neighbours.add_pipeline((function_id, arguments))

    run = (await api.ask_for_run(pipeline_id, [])).json()
    job = await api.read(run["jobs"][0])

    assert (job["function"], job["module"], job["commit"]) == ("Paint", "helloworld", COMMIT)
    assert json.loads(job["arguments"]) == {"times": 1, "colour": "red", "note": "5"}


async def test_a_run_without_files_holds_none(api: Api, neighbours: Neighbours) -> None:
    pipeline_id = neighbours.add_pipeline((neighbours.add_function(), {}))

    assert (await api.ask_for_run(pipeline_id, [])).json()["files"] == []
    form = {"pipeline": url("pipelines", pipeline_id)}
    answer = await api.client.post("/api/v1/runs/", data=form, headers=api.alice)

    assert (answer.status_code, answer.json()["files"]) == (201, [])
    assert neighbours.holds == []


async def test_a_file_named_twice_counts_once(api: Api, neighbours: Neighbours) -> None:
    pipeline_id = neighbours.add_pipeline((neighbours.add_function(), {}))
    first, second = neighbours.add_file("a.txt"), neighbours.add_file("B.TXT")

    run = (await api.ask_for_run(pipeline_id, [second, first, second])).json()

    assert run["files"] == [url("files", first), url("files", second)]


async def expect_refusal(api: Api, answer: Any, faults: dict[str, list[str]]) -> None:
    assert (answer.status_code, answer.json()) == (400, faults)
    assert api.neighbours.holds == []
    listed = await api.client.get("/api/v1/runs/", headers=api.admin)
    assert listed.json() == []


async def test_a_refused_run_leaves_nothing_behind(
    api: Api, neighbours: Neighbours, published: Published
) -> None:
    file_id = neighbours.add_file("a.txt")
    pipeline_id = neighbours.add_pipeline((neighbours.add_function(), {}), enabled=False)

    answer = await api.ask_for_run(pipeline_id, [file_id])

    await expect_refusal(api, answer, {"pipeline": ["Pipeline 'p' is not enabled."]})
    assert await published() == []


async def test_faults_of_pipeline_and_files_are_told_together(
    api: Api, neighbours: Neighbours
) -> None:
    pipeline_id = neighbours.add_pipeline(enabled=False)
    of_bob = neighbours.add_file("b.txt", owner=2)

    answer = await api.ask_for_run(pipeline_id, [of_bob])

    faults = {"pipeline": ["Pipeline 'p' is not enabled."], "files": [LINK_MISSING]}
    await expect_refusal(api, answer, faults)


async def test_somebody_elses_pipeline_does_not_exist(api: Api, neighbours: Neighbours) -> None:
    pipeline_id = neighbours.add_pipeline((neighbours.add_function(), {}), owner=2)

    answer = await api.ask_for_run(pipeline_id, [])

    await expect_refusal(api, answer, {"pipeline": [LINK_MISSING]})


async def test_a_file_of_kind_output_is_no_input(api: Api, neighbours: Neighbours) -> None:
    pipeline_id = neighbours.add_pipeline((neighbours.add_function(), {}))
    output = neighbours.add_file("a.txt", kind="OUTPUT")

    await expect_refusal(
        api, await api.ask_for_run(pipeline_id, [output]), {"files": [LINK_MISSING]}
    )


async def test_a_pipeline_without_tasks_cannot_run(api: Api, neighbours: Neighbours) -> None:
    answer = await api.ask_for_run(neighbours.add_pipeline(), [])

    await expect_refusal(api, answer, {"pipeline": ["Pipeline 'p' has no tasks."]})


@pytest.mark.parametrize("function_id", [None, 77])
async def test_a_task_whose_function_is_gone_is_named(
    api: Api, neighbours: Neighbours, function_id: int | None
) -> None:
    known = neighbours.add_function()
    pipeline_id = neighbours.add_pipeline((known, {}), (function_id, {}))

    answer = await api.ask_for_run(pipeline_id, [])

    text = "Task 2 of pipeline 'p' has no function any more."
    await expect_refusal(api, answer, {"pipeline": [text]})


async def test_arguments_that_the_function_does_not_take_any_more_are_named(
    api: Api, neighbours: Neighbours
) -> None:
    function_id = neighbours.add_function("Paint", options=OPTIONS)
    pipeline_id = neighbours.add_pipeline((function_id, {"colour": "blue", "size": 1}))

    answer = await api.ask_for_run(pipeline_id, [])

    texts = [
        "Task 1 (Paint): Unknown option 'size'.",
        "Task 1 (Paint): Option 'colour' does not take 'blue'.",
        "Task 1 (Paint): Option 'note' is required.",
    ]
    await expect_refusal(api, answer, {"pipeline": texts})


async def test_arguments_that_no_message_could_carry_are_refused_before_they_stand_in_the_way(
    api: Api, neighbours: Neighbours
) -> None:
    arguments = {"times": 1, "colour": "red", "note": "n" * 1024 * 1024}
    function_id = neighbours.add_function("Paint", options=OPTIONS)
    pipeline_id = neighbours.add_pipeline((function_id, arguments))

    answer = await api.ask_for_run(pipeline_id, [])

    size = len(json.dumps(arguments))
    text = f"Task 1 (Paint): the arguments have {size} bytes, at most 524288 go"
    await expect_refusal(api, answer, {"pipeline": [text]})


async def test_files_of_the_wrong_type_and_of_one_name_are_named(
    api: Api, neighbours: Neighbours
) -> None:
    function_id = neighbours.add_function(optional_filetypes='["csv"]')
    pipeline_id = neighbours.add_pipeline((function_id, {}))
    names = ["a.txt", "a.txt", "b.CSV", "c.jpg"]

    answer = await api.ask_for_run(pipeline_id, [neighbours.add_file(name) for name in names])

    texts = [
        "File 'c.jpg' is not of a type that the first function takes (csv, txt).",
        "Two files are named 'a.txt'.",
    ]
    await expect_refusal(api, answer, {"files": texts})


async def test_administrators_start_no_runs(api: Api, neighbours: Neighbours) -> None:
    pipeline_id = neighbours.add_pipeline((neighbours.add_function(), {}))

    answer = await api.ask_for_run(pipeline_id, [], by=api.admin)

    assert answer.status_code == 403
    assert " pipelines" in answer.json()["detail"]


async def test_a_narrowed_token_starts_no_runs(api: Api) -> None:
    answer = await api.client.post("/api/v1/runs/", headers=api.worker)

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "silent",
    [
        ("GET", f"{PIPELINES}/api/v1/pipelines/1/"),
        ("GET", f"{MODULES}/api/v1/functions/"),
        ("POST", f"{FILES}/internal/references/"),
    ],
)
async def test_a_silent_neighbour_makes_no_half_run(
    api: Api, neighbours: Neighbours, peers: Peers, silent: tuple[str, str]
) -> None:
    pipeline_id = neighbours.add_pipeline((neighbours.add_function(), {}))
    peers.silence(*silent)

    answer = await api.ask_for_run(pipeline_id, [neighbours.add_file("a.txt")])

    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert neighbours.holds == []


async def test_fields_that_are_wrong_or_missing_are_named(api: Api) -> None:
    missing = await api.client.post("/api/v1/runs/", headers=api.alice)
    wrong = await api.client.post(
        "/api/v1/runs/", json={"pipeline": 7, "files": [None]}, headers=api.alice
    )

    required = ["This field is required."]
    assert missing.json() == {"pipeline": required, "files": required}
    assert wrong.json() == {
        "pipeline": ["Incorrect type. Expected URL string, received int."],
        "files": ["Incorrect type. Expected URL string, received NoneType."],
    }
