"""Reports without a lease: the owner's, and those of backends that know no leases."""

import json

import pytest

from services.runs.testing import ALICE, BOB, LINK_MISSING, Api, Neighbours, url
from shared.testing.fixtures import Published


async def test_a_backend_of_old_reports_a_job_by_form(api: Api, neighbours: Neighbours) -> None:
    [job, _] = (await api.start_run())["jobs"]
    made = [neighbours.add_file(f"o{n}.txt", kind="OUTPUT") for n in (1, 2)]
    forms: list[dict[str, str | list[str]]] = [
        {"status": "QUEUED"},
        {"status": "RUNNING"},
        {"logs": "one\n"},
        {"logs": "one\ntwo\n"},
        {"output": '{"a":1}'},
        {"output_files": [url("files", one) for one in made]},
        {"status": "FINISHED"},
        {"logs": "one\ntwo\nlast\n"},
    ]

    for form in forms:
        answer = await api.client.patch(job, data=form, headers=api.admin)
        assert answer.status_code == 200, answer.text

    shown = answer.json()
    assert (shown["status"], shown["logs"]) == ("FINISHED", "one\ntwo\nlast\n")
    assert shown["output"] == '{"a": 1}'
    assert shown["output_files"] == [url("files", one) for one in made]


async def test_a_backend_of_old_hears_in_a_way_it_heeds_that_a_job_is_anothers(api: Api) -> None:
    """It reads no status: what is JSON it takes for a yes, what is not ends its task."""
    held, done, canceled = [await api.start_run(jobs=1) for _ in range(3)]
    await api.claim(held["jobs"][0])
    lease = (await api.claim(done["jobs"][0]))["lease"]["token"]
    await api.report(done["jobs"][0], {"lease": lease, "status": "FINISHED", "output": "1"})
    await api.client.post(f"{canceled['url']}cancel/", headers=api.alice)

    for run in (held, done, canceled):
        answer = await api.client.patch(
            run["jobs"][0], data={"status": "RUNNING"}, headers=api.admin
        )
        assert answer.status_code == 409
        with pytest.raises(json.JSONDecodeError):
            answer.json()
        in_json = await api.patch(run["jobs"][0], {"status": "RUNNING"})
        assert (in_json.status_code, list(in_json.json())) == (409, ["detail"])


async def test_a_result_reported_under_a_lease_is_not_replaced_without_it(api: Api) -> None:
    [job] = (await api.start_run(jobs=1))["jobs"]
    lease = (await api.claim(job))["lease"]["token"]
    await api.report(job, {"lease": lease, "status": "FINISHED", "output": "1"})

    changes: list[dict[str, object]] = [{"output": "2"}, {"output_files": []}, {"logs": "mine\n"}]
    for change in changes:
        assert (await api.patch(job, change)).status_code == 409

    assert (await api.read(job))["output"] == "1"


async def test_a_report_of_nothing_changes_nothing(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]
    before = await api.read(job)

    bare = await api.client.patch(job, headers=api.admin)
    put = await api.client.put(job, data={"status": ""}, headers=api.alice)

    assert (bare.json(), put.json()) == (before, before)


async def test_the_owner_may_report_and_others_find_nothing(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]

    assert (await api.patch(job, {"status": "QUEUED"}, by=api.alice)).status_code == 200
    assert (await api.patch(job, {"status": "FAILED"}, by=api.bob)).status_code == 404


async def test_a_token_for_executing_must_name_its_lease(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]

    assert (await api.report(job, {"status": "FAILED"})).status_code == 403


@pytest.mark.parametrize(
    ("current", "wanted"),
    [("RUNNING", "QUEUED"), ("QUEUED", "PENDING"), ("FINISHED", "FAILED"), ("FAILED", "PENDING")],
)
async def test_a_job_never_goes_back(api: Api, current: str, wanted: str) -> None:
    [job, _] = (await api.start_run())["jobs"]
    await api.patch(job, {"status": current})

    answer = await api.patch(job, {"status": wanted, "logs": "x", "output": "1"})

    assert (answer.status_code, list(answer.json())) == (409, ["detail"])
    shown = await api.read(job)
    assert (shown["status"], shown["logs"], shown["output"]) == (current, None, None)


async def test_the_state_it_already_has_is_accepted(api: Api, published: Published) -> None:
    [job, _] = (await api.start_run())["jobs"]
    await api.patch(job, {"status": "RUNNING"})
    told = len(await published())

    assert (await api.patch(job, {"status": "RUNNING"})).status_code == 200
    assert len(await published()) == told


async def test_what_is_wrong_with_a_report_is_told_by_field(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]
    faults = {
        "status": ("DONE", '"DONE" is not a valid choice.'),
        "output": ("", "Not a valid JSON text."),
        "output_files": (None, "This field may not be null."),
        "logs": ("a\0b", "Null characters are not allowed."),
    }
    body = {name: value for name, (value, _) in faults.items()}

    answer = await api.patch(job, body)

    assert answer.status_code == 400
    assert answer.json() == {name: [text] for name, (_, text) in faults.items()}


async def test_canceled_cannot_be_reported(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]

    assert (await api.patch(job, {"status": "CANCELED"})).status_code == 400


async def test_output_files_are_held_once_under_the_runs_key(
    api: Api, neighbours: Neighbours
) -> None:
    [job, _] = (await api.start_run())["jobs"]
    made = url("files", neighbours.add_file("o.txt", kind="OUTPUT"))

    for _ in range(2):
        answer = await api.patch(job, {"output_files": [made]})
        assert answer.json()["output_files"] == [made]

    held_input, held_output = neighbours.holds
    assert held_output["holder"] == held_input["holder"]
    assert (held_output["role"], held_output["owner_id"]) == ("output", ALICE)


async def test_an_input_may_be_handed_on(api: Api, neighbours: Neighbours) -> None:
    run = await api.start_run()
    made = url("files", neighbours.add_file("o.txt", kind="OUTPUT"))

    answer = await api.patch(run["jobs"][0], {"output_files": [made, *run["files"]]})

    assert answer.json()["output_files"] == [*run["files"], made]
    assert neighbours.holds[-1]["file_ids"] == [2]


async def test_refused_output_files_change_nothing(api: Api, neighbours: Neighbours) -> None:
    [job, _] = (await api.start_run())["jobs"]
    refused = {
        neighbours.add_file("x.txt"): "Output file is not 'OUTPUT' kind.",
        neighbours.add_file("b.txt", owner=BOB, kind="OUTPUT"): (
            "Job owner does not own the output file"
        ),
        999: LINK_MISSING,
    }

    for file_id, text in refused.items():
        body = {"status": "FINISHED", "output_files": [url("files", file_id)]}
        answer = await api.patch(job, body)
        assert (answer.status_code, answer.json()) == (400, {"output_files": [text]})

    assert (await api.read(job))["status"] == "PENDING"


async def test_the_child_is_offered_when_its_parent_finishes(
    api: Api, neighbours: Neighbours, published: Published
) -> None:
    run = await api.start_run()
    made = neighbours.add_file("o.txt", kind="OUTPUT")

    report = {"status": "FINISHED", "output_files": [url("files", made)]}
    await api.patch(run["jobs"][0], report)

    offers = [data for subject, data in await published() if subject == "mlsploit.jobs.helloworld"]
    assert [url("jobs", offer["job_id"]) for offer in offers] == run["jobs"]
    assert offers[1]["input_file_ids"] == [made]


async def test_jobs_behind_a_failed_one_stay_pending_and_are_not_offered(
    api: Api, published: Published
) -> None:
    run = await api.start_run()

    await api.patch(run["jobs"][0], {"status": "FAILED"})

    assert (await api.read(run["jobs"][1]))["status"] == "PENDING"
    assert (await api.ask_for_claim(run["jobs"][1])).status_code == 409
    subjects = [subject for subject, _ in await published()]
    assert subjects.count("mlsploit.jobs.helloworld") == 1


async def test_the_runs_status_follows_from_its_jobs_and_is_told(
    api: Api, published: Published
) -> None:
    run = await api.start_run()
    first, second = run["jobs"]
    steps = [(first, "RUNNING"), (first, "FINISHED"), (second, "RUNNING"), (second, "FINISHED")]
    seen = []

    for job, status in steps:
        await api.patch(job, {"status": status})
        seen.append((await api.read(run["url"]))["status"])

    assert seen == ["RUNNING", "RUNNING", "RUNNING", "FINISHED"]
    told = [
        data["status"]
        for subject, data in await published()
        if subject == "mlsploit.events.runs.run.status_changed"
    ]
    assert told == ["RUNNING", "FINISHED"]
    shown = await api.read(run["url"])
    assert shown["date_created"] < shown["started"] < shown["finished"]


async def test_a_result_may_be_corrected_until_the_next_job_takes_it(api: Api) -> None:
    first, second = (await api.start_run())["jobs"]
    await api.patch(first, {"status": "FINISHED", "output": "1"})

    assert (await api.patch(first, {"output": "2"})).status_code == 200
    await api.claim(second)
    changed = await api.patch(first, {"output": "3"})
    same = await api.patch(first, {"output": "2", "output_files": [], "logs": "late\n"})

    assert (changed.status_code, same.status_code) == (409, 200)
    shown = await api.read(first)
    assert (shown["output"], shown["logs"]) == ("2", "late\n")
