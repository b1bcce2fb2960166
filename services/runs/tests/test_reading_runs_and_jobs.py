from services.runs.testing import Api, url
from shared.hyperlinks import id_of

NOT_A_CHOICE = "Select a valid choice. That choice is not one of the available choices."


async def listed(api: Api, address: str, *, by: dict[str, str] | None = None) -> list[str]:
    answer = await api.client.get(address, headers=by or api.alice)
    assert answer.status_code == 200, answer.text
    return [item["url"] for item in answer.json()]


async def test_owners_see_their_own_and_administrators_all(api: Api) -> None:
    run = await api.start_run()

    assert await listed(api, "/api/v1/runs/") == [run["url"]]
    assert await listed(api, "/api/v1/jobs/") == run["jobs"]
    assert await listed(api, "/api/v1/jobs/", by=api.bob) == []
    assert await listed(api, "/api/v1/jobs/", by=api.admin) == run["jobs"]
    for address in (run["url"], run["jobs"][0]):
        answer = await api.client.get(address, headers=api.bob)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


async def test_a_run_and_its_jobs_look_alike_in_list_and_detail(api: Api) -> None:
    run = await api.start_run(jobs=1)
    [job] = run["jobs"]
    await api.patch(job, {"status": "RUNNING", "logs": "one\n", "output": "{}"})

    [shown_run] = (await api.client.get("/api/v1/runs/", headers=api.alice)).json()
    [shown_job] = (await api.client.get("/api/v1/jobs/", headers=api.alice)).json()

    assert shown_run == await api.read(run["url"])
    assert shown_job == await api.read(job)
    assert shown_job["logs"] == "one\n"


async def test_filters_narrow_lists(api: Api) -> None:
    first, second = await api.start_run(), await api.start_run()
    await api.patch(first["jobs"][0], {"status": "FAILED"})
    second_id = id_of(second["url"])
    pipeline_id = id_of(second["pipeline"])

    assert await listed(api, f"/api/v1/runs/?pipeline={pipeline_id}") == [second["url"]]
    assert await listed(api, f"/api/v1/runs/?id={second_id},999") == [second["url"]]
    assert await listed(api, f"/api/v1/jobs/?run={second_id}") == second["jobs"]
    assert await listed(api, "/api/v1/jobs/?status=FAILED") == first["jobs"][:1]
    assert await listed(api, f"/api/v1/jobs/?run={10**30}") == []


async def test_every_filter_that_makes_no_sense_is_named(api: Api) -> None:
    answer = await api.client.get("/api/v1/jobs/?run=x&status=y", headers=api.alice)

    assert answer.status_code == 400
    assert answer.json() == {
        "run": [NOT_A_CHOICE],
        "status": ["Select a valid choice. y is not one of the available choices."],
    }


async def test_fields_narrow_every_item(api: Api) -> None:
    run = await api.start_run(jobs=1)
    pipeline = run["pipeline"]

    answer = await api.client.get("/api/v1/runs/?fields=id,pipeline", headers=api.alice)
    jobs = await api.client.get("/api/v1/jobs/?fields=status", headers=api.alice)

    assert answer.json() == [{"id": id_of(run["url"]), "pipeline": pipeline}]
    assert jobs.json() == [{"status": "PENDING"}]


async def test_files_may_ask_whether_a_holder_became_a_run(api: Api) -> None:
    await api.start_run()
    holder = api.neighbours.holds[0]["holder"]
    deleter = api.signer.headers(scopes="files:write")

    for asked, exists in ((holder, True), ("made-up", False)):
        answer = await api.client.get(
            "/internal/holders/",
            params={"holder": asked},
            headers=deleter,
        )
        assert answer.json() == {"exists": exists}


async def test_an_id_beyond_every_range_is_not_found(api: Api) -> None:
    answer = await api.client.get(url("jobs", 10**30), headers=api.alice)

    assert answer.status_code == 404
