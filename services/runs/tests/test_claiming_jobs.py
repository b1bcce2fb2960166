import asyncio
from typing import Any

from sqlalchemy import select

from services.runs.models import METADATA
from services.runs.testing import ALICE, BOB, COMMIT, FILES, Api, Neighbours, url
from shared.db import Database
from shared.testing.fixtures import Published
from shared.testing.peers import Peers


async def test_a_claim_brings_all_that_is_needed_to_begin(api: Api, neighbours: Neighbours) -> None:
    options = [{"name": "times", "type": "int", "required": False, "default": 2}]
    pipeline_id = neighbours.add_pipeline((neighbours.add_function(options=options), {}))
    file_id = neighbours.add_file("a.txt", tags='{"k": 1}')
    run = (await api.ask_for_run(pipeline_id, [file_id])).json()

    claim = await api.claim(run["jobs"][0])

    lease = claim.pop("lease")
    assert (lease["attempt"], lease["seconds"]) == (1, 30)
    assert lease["token"]
    assert lease["expires_at"] > run["date_created"]
    job = claim.pop("job")
    assert (job["url"], job["status"], job["logs"]) == (run["jobs"][0], "RUNNING", None)
    assert claim == {
        "module": {
            "name": "helloworld",
            "repo_url": "https://example.org/helloworld.git",
            "commit": COMMIT,
        },
        "function": "Greet",
        "options": {"times": 2},
        "timeout_seconds": 3600,
        "owner": url("users", ALICE),
        "files": [
            {
                "id": file_id,
                "url": url("files", file_id),
                "name": "a.txt",
                "blob_url": neighbours.files[file_id]["blob_url"],
                "size": 1,
                "sha256": "0" * 64,
                "tags": {"k": 1},
            }
        ],
    }


async def test_of_claims_at_once_one_wins(api: Api, published: Published) -> None:
    [job, _] = (await api.start_run())["jobs"]

    answers = await asyncio.gather(*(api.ask_for_claim(job) for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert (await api.read(job))["attempt"] == 1
    told = [data for subject, data in await published() if subject.endswith("job.status_changed")]
    assert [data["status"] for data in told] == ["RUNNING"]


async def test_what_is_not_ready_not_waiting_or_not_there_cannot_be_claimed(api: Api) -> None:
    first, second = (await api.start_run())["jobs"]

    assert (await api.ask_for_claim(second)).status_code == 409
    assert (await api.ask_for_claim(url("jobs", 999))).status_code == 404
    await api.patch(first, {"status": "RUNNING"})
    assert (await api.ask_for_claim(first)).status_code == 409
    await api.patch(first, {"status": "FINISHED"})
    assert (await api.ask_for_claim(first)).status_code == 409
    assert (await api.ask_for_claim(second)).status_code == 200


async def test_a_job_in_the_queue_of_a_backend_without_leases_cannot_be_claimed(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]
    await api.patch(job, {"status": "QUEUED"})

    assert (await api.ask_for_claim(job)).status_code == 409
    assert (await api.patch(job, {"status": "RUNNING"})).status_code == 200


async def test_the_next_job_works_on_what_the_last_one_made(
    api: Api, neighbours: Neighbours
) -> None:
    first, second = (await api.start_run())["jobs"]
    claim = await api.claim(first)
    made = neighbours.add_file("o.txt", kind="OUTPUT")
    report = {
        "lease": claim["lease"]["token"],
        "status": "FINISHED",
        "output": "{}",
        "output_files": [url("files", made)],
    }

    assert (await api.report(first, report)).status_code == 200

    assert [file["id"] for file in (await api.claim(second))["files"]] == [made]


async def test_a_final_report_that_is_sent_twice_counts_once(
    api: Api, neighbours: Neighbours, published: Published
) -> None:
    [job, _] = (await api.start_run())["jobs"]
    made = neighbours.add_file("o.txt", kind="OUTPUT")
    report = {
        "lease": (await api.claim(job))["lease"]["token"],
        "status": "FINISHED",
        "output_files": [url("files", made)],
    }
    first = await api.report(job, report)
    told = len(await published())

    second = await api.report(job, report)

    assert (second.status_code, second.json()) == (200, first.json())
    assert len(await published()) == told


async def expect_stale(api: Api, job: str, lease: str) -> None:
    """Nothing that this lease says is believed."""
    before = await api.read(job)
    bodies: dict[str, dict[str, Any]] = {
        "heartbeat": {},
        "logs": {"offset": 0, "text": "x"},
        "release": {"reason": "x"},
    }
    for what, body in bodies.items():
        answer = await api.say(job, what, {"lease": lease, **body})
        assert (answer.status_code, "detail" in answer.json()) == (409, True), what
    report = {"lease": lease, "status": "FAILED", "logs": "x", "output": "1"}
    assert (await api.report(job, report)).status_code == 409
    assert await api.read(job) == before


async def test_a_stale_lease_changes_nothing(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]
    lease = (await api.claim(job))["lease"]["token"]
    await api.say(job, "release", {"lease": lease, "reason": "stopped"})
    await api.claim(job)

    await expect_stale(api, job, lease)
    await expect_stale(api, job, "made-up")


async def test_while_a_lease_is_held_only_its_reports_count(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]
    await api.claim(job)

    for who in (api.alice, api.admin):
        answer = await api.patch(job, {"status": "FAILED", "logs": "x"}, by=who)
        assert answer.status_code == 409

    shown = await api.read(job)
    assert (shown["status"], shown["logs"]) == ("RUNNING", None)


async def test_after_the_end_a_lease_renews_nothing(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]
    lease = (await api.claim(job))["lease"]["token"]
    await api.report(job, {"lease": lease, "status": "FAILED"})

    assert (await api.say(job, "heartbeat", {"lease": lease})).status_code == 409


async def test_a_heartbeat_extends_the_lease(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]
    lease = (await api.claim(job))["lease"]

    answer = await api.say(job, "heartbeat", {"lease": lease["token"]})

    assert answer.status_code == 200
    assert answer.json()["lease"]["expires_at"] > lease["expires_at"]


async def test_a_released_job_is_offered_again(api: Api, published: Published) -> None:
    [job, _] = (await api.start_run())["jobs"]
    lease = (await api.claim(job))["lease"]["token"]

    answer = await api.say(job, "release", {"lease": lease, "reason": "stopped"})

    assert answer.status_code == 200
    assert ((await api.read(job))["status"], (await published())[-2][0]) == (
        "PENDING",
        "mlsploit.events.runs.run.status_changed",
    )
    assert (await published())[-1][0] == "mlsploit.jobs.helloworld"
    assert (await api.claim(job))["lease"]["attempt"] == 2


async def test_a_claim_that_cannot_be_answered_is_undone(
    api: Api, peers: Peers, published: Published
) -> None:
    [job, _] = (await api.start_run())["jobs"]
    neighbours_answer = f"{FILES}/internal/files/"
    peers.silence("GET", neighbours_answer)

    assert (await api.ask_for_claim(job)).status_code == 503
    shown = await api.read(job)
    assert (shown["status"], shown["worker"]) == ("PENDING", "")
    offers = [subject for subject, _ in await published() if subject.startswith("mlsploit.jobs")]
    assert len(offers) == 1

    Neighbours(peers, files=api.neighbours.files)
    assert (await api.claim(job))["lease"]["attempt"] == 2


async def test_an_owner_may_do_jobs_of_their_own_and_of_nobody_else(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]

    of_bob = await api.client.post(f"{job}claim/", headers=api.signer.headers(BOB))
    of_alice = await api.client.post(f"{job}claim/", headers=api.alice)

    assert (of_bob.status_code, of_alice.status_code) == (404, 200)


async def test_the_lease_itself_is_never_stored(api: Api, database: Database) -> None:
    [job, _] = (await api.start_run())["jobs"]
    lease = (await api.claim(job))["lease"]["token"]

    async with database.reading() as session:
        stored = [(await session.execute(select(t))).all() for t in METADATA.sorted_tables]

    assert any(stored)
    assert lease not in repr(stored)
