"""Two people, or one with two hands, at the same moment: never may both be told yes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from harness.people import Item, People, Person, step
from harness.quiet import QuietSystem

RACES = 100
RACES_AT_ONCE = 4


@pytest.fixture
def alice(quiet_system: QuietSystem) -> Iterator[Person]:
    with People(quiet_system.url) as people:
        yield people.register("alice")


def test_a_file_is_never_deleted_under_a_run_that_is_started_on_it(alice: Person) -> None:
    pipeline = alice.builds_pipeline(step("probe", "ProbePlain"))
    files = [alice.uploads(f"{number}.txt", b"content") for number in range(RACES)]

    def race(file: Item) -> tuple[int, int]:
        start = Barrier(2)

        def runs() -> int:
            start.wait()
            body = {"pipeline": pipeline["url"], "files": [file["url"]]}
            return alice.asks("POST", "/api/v1/runs/", json=body).status_code

        def deletes() -> int:
            start.wait()
            return alice.asks("DELETE", file["url"]).status_code

        with ThreadPoolExecutor(2) as hands:
            run, deletion = hands.submit(runs), hands.submit(deletes)
            return run.result(), deletion.result()

    with ThreadPoolExecutor(RACES_AT_ONCE) as pool:
        outcomes = list(pool.map(race, files))

    assert set(outcomes) <= {(201, 403), (400, 204)}
    kept = {file["url"] for file in alice.gets("/api/v1/files/")}
    used = {url for run in alice.gets("/api/v1/runs/") for url in run["files"]}
    assert used == kept
    assert len(used) == outcomes.count((201, 403))


def test_of_two_backends_that_claim_one_job_exactly_one_gets_it(
    alice: Person, quiet_system: QuietSystem
) -> None:
    run = alice.runs(alice.builds_pipeline(step("probe", "ProbePlain")), [])
    [job] = alice.sees_jobs(run)
    admin = Person(alice.http, "admin", "", quiet_system.admin_token)
    start = Barrier(RACES_AT_ONCE)

    def claims(number: int) -> int:
        start.wait()
        body = {"worker": f"worker-{number}"}
        return admin.asks("POST", f"{job['url']}claim/", json=body).status_code

    with ThreadPoolExecutor(RACES_AT_ONCE) as pool:
        outcomes = sorted(pool.map(claims, range(RACES_AT_ONCE)))

    assert outcomes == [200, *[409] * (RACES_AT_ONCE - 1)]
