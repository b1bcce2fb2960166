"""Logs of any length: read on their own, to the byte, and shown in their job as far as they fit."""

import httpx
import pytest

from services.runs.logs import excerpt, writing
from services.runs.testing import Api

SNOWY = "".join(f"{number} \u2603\n" for number in range(200))


@pytest.fixture
def small_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "CHUNK_BYTES_MAX", 50)


async def logged(api: Api, text: str) -> str:
    [job, _] = (await api.start_run())["jobs"]
    answer = await api.patch(job, {"logs": text})
    assert answer.status_code == 200, answer.text
    return f"{job}logs/"


async def get(api: Api, log: str, **headers: str) -> httpx.Response:
    return await api.client.get(log, headers=api.alice | headers)


@pytest.mark.usefixtures("small_rows")
async def test_a_log_is_read_as_it_was_written(api: Api) -> None:
    log = await logged(api, SNOWY)

    answer = await get(api, log)

    assert (answer.status_code, answer.content) == (200, SNOWY.encode())
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-length"] == str(len(SNOWY.encode()))


@pytest.mark.usefixtures("small_rows")
@pytest.mark.parametrize("offset", [0, 1, 49, 50, 51, 500, 1700, 10**9])
async def test_reading_goes_on_from_any_byte(api: Api, offset: int) -> None:
    log = await logged(api, SNOWY)

    rest = await api.client.get(log, params={"offset": offset}, headers=api.alice)
    ranged = await get(api, log, Range=f"bytes={offset}-")

    assert (rest.status_code, rest.content) == (200, SNOWY.encode()[offset:])
    if offset < len(SNOWY.encode()):
        assert (ranged.status_code, ranged.content) == (206, rest.content)
    else:
        assert ranged.status_code == 416
        assert ranged.headers["content-range"] == f"bytes */{len(SNOWY.encode())}"


@pytest.mark.usefixtures("small_rows")
async def test_a_range_may_have_an_end(api: Api) -> None:
    log = await logged(api, SNOWY)

    answer = await get(api, log, Range="bytes=48-151")

    assert (answer.status_code, answer.content) == (206, SNOWY.encode()[48:152])
    assert answer.headers["content-range"] == f"bytes 48-151/{len(SNOWY.encode())}"


@pytest.mark.parametrize("ignored", ["bytes=5-2", "bytes=-3", "lines=1-2", "bytes=1-2,4-5"])
async def test_a_range_that_is_not_understood_gets_the_whole(api: Api, ignored: str) -> None:
    log = await logged(api, "0123456789")

    answer = await get(api, log, Range=ignored)

    assert (answer.status_code, answer.text) == (200, "0123456789")


async def test_who_has_it_all_gets_nothing_until_it_grows_or_changes(api: Api) -> None:
    log = await logged(api, "one\n")
    etag = (await get(api, log)).headers["etag"]

    unchanged = await get(api, log, **{"If-None-Match": etag})
    changed_since = await get(api, log, Range="bytes=2-", **{"If-Range": '"another"'})
    await api.patch(log.removesuffix("logs/"), {"logs": "two\n"})
    replaced = await get(api, log, **{"If-None-Match": etag})

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (changed_since.status_code, changed_since.text) == (200, "one\n")
    assert (replaced.status_code, replaced.text) == (200, "two\n")


async def test_a_job_without_a_log_has_an_empty_one(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]

    answer = await get(api, f"{job}logs/")

    assert (answer.status_code, answer.content) == (200, b"")


async def test_only_the_owner_and_staff_read_a_log(api: Api) -> None:
    log = await logged(api, "one\n")

    statuses = [
        (await api.client.get(log, headers=headers)).status_code
        for headers in (api.alice, api.admin, api.bob, api.worker, {})
    ]

    assert statuses == [200, 200, 404, 403, 401]


@pytest.mark.parametrize("offset", ["-1", "x", "1.5", "9" * 30])
async def test_an_offset_is_a_number(api: Api, offset: str) -> None:
    log = await logged(api, "one\n")

    answer = await api.client.get(log, params={"offset": offset}, headers=api.alice)

    assert (answer.status_code, answer.json()) == (
        400,
        {"offset": ["A valid integer is required."]},
    )


@pytest.mark.usefixtures("small_rows")
async def test_of_a_very_long_log_its_job_shows_both_ends(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excerpt, "LOG_BYTES_MAX", 200)
    log = await logged(api, SNOWY)
    raw = SNOWY.encode()

    shown = (await api.read(log.removesuffix("logs/")))["logs"]

    head, left_out, tail = shown.partition(
        f"\nmlsploit: {len(raw) - 200} bytes are left out here; all is at {log}\n"
    )
    assert left_out
    assert SNOWY.startswith(head)
    assert SNOWY.endswith(tail)
    assert 98 <= len(head.encode()) <= 100
    assert 98 <= len(tail.encode()) <= 100


async def test_many_long_logs_share_what_one_answer_may_have(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excerpt, "LOGS_BYTES_MAX", 1000)
    run = await api.start_run(jobs=3)
    texts = ["short\n", "x" * 900, "y" * 900]
    for job, text in zip(run["jobs"], texts, strict=True):
        await api.patch(job, {"logs": text})

    jobs = (await api.client.get("/api/v1/jobs/", headers=api.alice)).json()

    short, *long = [job["logs"] for job in jobs]
    assert short == "short\n"
    assert all("bytes are left out here" in log for log in long)
    assert sum(log.count("x") + log.count("y") for log in long) <= 1000
    assert [job["log_bytes"] for job in jobs] == [len(text) for text in texts]


def test_what_short_logs_leave_over_is_for_the_long_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(excerpt, "LOGS_BYTES_MAX", 100)

    assert excerpt.fair_share([10, 200, None, 30]) == 60
    assert excerpt.fair_share([90, 90]) == 50
    assert excerpt.fair_share([40, 60]) >= 60
