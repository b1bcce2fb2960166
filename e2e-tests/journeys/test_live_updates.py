"""Streams through the real gateway: cut off and resumed, and very many at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from harness.people import Item, People, Person, accepted, step
from harness.quiet import QuietSystem
from harness.streams import Follower

from dev.bench.crowd import Crowd

LINES = 100_000
LINES_PER_CHUNK = 2000
CUTS = 10
STREAMS = 1000


@pytest.fixture
def people(quiet_system: QuietSystem) -> Iterator[People]:
    with People(quiet_system.url) as everybody:
        yield everybody


@pytest.fixture
def backend(people: People, quiet_system: QuietSystem) -> Person:
    return people.with_token("admin", quiet_system.admin_token)


def start(alice: Person) -> Item:
    return alice.runs(alice.builds_pipeline(step("probe", "ProbePlain")), [])


def lines(first: int) -> str:
    numbers = range(first, first + LINES_PER_CHUNK)
    return "".join(f"line {number} \u00e9\U0001f600\r\n" for number in numbers)


def do_the_job(backend: Person, job: str) -> None:
    lease = accepted(backend.asks("POST", f"{job}claim/", json={"worker": "w"}))["lease"]["token"]
    offset = 0
    for first in range(0, LINES, LINES_PER_CHUNK):
        body = {"lease": lease, "offset": offset, "text": lines(first)}
        offset = accepted(backend.asks("POST", f"{job}logs/", json=body))["offset"]
        accepted(backend.asks("POST", f"{job}heartbeat/", json={"lease": lease}))
    accepted(backend.asks("PATCH", job, json={"lease": lease, "status": "FINISHED"}))


def test_a_log_of_many_lines_arrives_to_the_byte_over_a_line_that_is_cut_ten_times(
    alice: Person, backend: Person
) -> None:
    run = start(alice)
    [job] = run["jobs"]
    follower = Follower(alice, position=0)
    log, states, cuts = b"", [("", "")], 0
    bytes_per_cut = sum(len(lines(first)) for first in range(0, LINES, LINES_PER_CHUNK)) // CUTS
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(do_the_job, backend, job)
        while states[-1] != (run["url"], "FINISHED"):
            with closing(follower.connection()) as connection:
                for told in connection:
                    if told.event == "log":
                        assert told.data["offset"] == len(log)
                        log += told.data["text"].encode()
                    elif told.event in ("run", "job"):
                        states.append((told.data["url"], told.data["status"]))
                    elif work.done():
                        work.result()
                    is_due = follower.bytes_read > bytes_per_cut and cuts < CUTS
                    if is_due or states[-1] == (run["url"], "FINISHED"):
                        cuts += is_due
                        break

    assert cuts == CUTS
    assert log == alice.gets(job)["logs"].encode()
    assert log.count(b"\n") == LINES
    of_job = [status for url, status in states if url == job]
    of_run = [status for url, status in states if url == run["url"]]
    assert of_job == of_run == ["PENDING", "RUNNING", "FINISHED"]


async def test_one_process_serves_very_many_streams_and_tells_all_of_them(
    alice: Person, quiet_system: QuietSystem
) -> None:
    crowd = Crowd(quiet_system.url, alice.token)
    await crowd.gather(STREAMS)

    run = start(alice)

    await crowd.hear(f'"url":"{run["url"]}"')
    await crowd.leave()
