import pytest
from sqlalchemy import select
from sqlmodel import col

from services.runs.live import feed, replay
from services.runs.live.testing import (
    PATH,
    Running,
    Told,
    following,
    has_no_stream,
    joined_log,
)
from services.runs.models import FeedEntry
from services.runs.testing import ALICE, BOB, Api
from shared.hyperlinks import id_of
from shared.testing.eventually import eventually


def summary(heard: list[Told]) -> list[tuple[str, int, str]]:
    return [(told.event, told.data["id"], told.data.get("status", "")) for told in heard]


async def say_log(api: Api, job: str, lease: str, *texts: str) -> str:
    whole = ""
    for text in texts:
        body = {"lease": lease, "offset": len(whole.encode()), "text": text}
        assert (await api.say(job, "logs", body)).status_code == 200
        whole += text
    return whole


async def test_a_stream_begins_now_and_tells_each_change_once_in_its_order(
    running: Running,
) -> None:
    api = running.api
    async with following(running.url, api.alice) as stream:
        hello = await stream.next()
        run = await api.start_run()
        first, second = run["jobs"]
        lease = (await api.claim(first))["lease"]["token"]
        log = await say_log(
            api, first, lease, "one\n", "caf\u00e9 \U0001f600\n", "\u2028\x85\x1f end"
        )
        await api.report(first, {"lease": lease, "status": "FINISHED"})
        heard = await stream.until("job", status="FINISHED")

    assert (hello.event, hello.data["position"], hello.id) == ("hello", 0, 0)
    number = [id_of(each) for each in (run["url"], first, second)]
    without_log = [told for told in heard if told.event != "log"]
    assert summary(without_log) == [
        ("run", number[0], "PENDING"),
        ("job", number[1], "PENDING"),
        ("job", number[2], "PENDING"),
        ("job", number[1], "RUNNING"),
        ("run", number[0], "RUNNING"),
        ("job", number[1], "FINISHED"),
    ]
    assert joined_log(heard, first) == log.encode()
    assert [told.id for told in heard] == sorted({told.id for told in heard if told.id})
    assert heard[1].data["url"] == first
    assert heard[1].data["run"] == run["url"]


async def test_a_stream_that_was_cut_off_goes_on_after_any_event(running: Running) -> None:
    api = running.api
    run = await api.start_run(jobs=1)
    [job] = run["jobs"]
    lease = (await api.claim(job))["lease"]["token"]
    log = await say_log(api, job, lease, *(f"line {n} \u00e9\n" * n for n in range(30)))
    await api.report(job, {"lease": lease, "status": "FAILED"})
    async with following(running.url, api.alice, after=0) as stream:
        last = (await stream.until("run", status="FAILED"))[-1].id
    assert last is not None

    for position in range(1, last):
        async with following(running.url, api.alice, after=position) as stream:
            opening, *heard = await stream.until("run", status="FAILED")
        assert (opening.event, opening.id, heard[-1].id) == ("hello", position, last)
        assert all(told.id is not None and told.id > position for told in heard)
        first = next((told for told in heard if told.event == "log"), None)
        known = first.data["offset"] if first else len(log.encode())
        assert joined_log(heard, job, log.encode()[:known]) == log.encode()


async def test_the_header_is_a_later_word_than_the_query(running: Running) -> None:
    await running.api.start_run()

    async with following(running.url, running.api.alice, after=2, position=0) as stream:
        assert (await stream.next()).id == 2


async def test_everybody_hears_only_of_their_own_and_administrators_of_whom_they_name(
    running: Running,
) -> None:
    api = running.api
    function_id = api.neighbours.add_function()
    of_bob = api.neighbours.add_pipeline((function_id, {}), owner=BOB)
    async with (
        following(running.url, api.bob) as bob,
        following(running.url, api.admin) as admin,
        following(running.url, api.admin, owner=ALICE) as alices,
    ):
        await api.start_run()
        [opening, told] = await alices.until("run")
        assert opening.data["owner"].endswith(f"/users/{ALICE}/")
        assert told.id == 1
        run = (await api.ask_for_run(of_bob, [], by=api.bob)).json()
        assert [each.data["id"] for each in (await bob.until("run"))[1:]] == [run["id"]]
        running.app.state.hub.close()
        assert [each.event for each in await admin.until("end")] == ["hello", "end"]


async def test_a_stream_can_be_narrowed_to_some_runs(running: Running) -> None:
    api = running.api
    one, other = await api.start_run(jobs=1), await api.start_run(jobs=1)
    async with following(running.url, api.alice, after=0, run=other["id"]) as stream:
        [opening, *heard] = await stream.until("job")
        await api.patch(one["jobs"][0], {"status": "RUNNING"})
        await api.patch(other["jobs"][0], {"status": "RUNNING"})
        heard += await stream.until("run", status="RUNNING")

    assert opening.id == 0
    numbers = (other["id"], id_of(other["jobs"][0]))
    assert summary(heard) == [
        ("run", numbers[0], "PENDING"),
        ("job", numbers[1], "PENDING"),
        ("job", numbers[1], "RUNNING"),
        ("run", numbers[0], "RUNNING"),
    ]


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [
        ("?after=-1", {}, "after"),
        ("?after=9223372036854775808", {}, "after"),
        ("", {"Last-Event-ID": "x"}, "Last-Event-ID"),
        ("?run=a", {}, "run"),
        ("?owner=1,2", {}, "owner"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_named(
    api: Api, query: str, headers: dict[str, str], field: str
) -> None:
    answer = await api.client.get(f"{PATH}{query}", headers=api.admin | headers)

    assert (answer.status_code, list(answer.json())) == (400, [field])


async def test_somebody_elses_run_and_feed_look_like_none(api: Api) -> None:
    run = await api.start_run()

    far = 2**63
    for query in ("?owner=1", f"?owner={far}", f"?run={run['id']}", "?run=12345", f"?run={far}"):
        assert (await api.client.get(f"{PATH}{query}", headers=api.bob)).status_code == 404


async def test_a_log_that_is_written_anew_is_told_from_where_it_changed(running: Running) -> None:
    api = running.api
    [job] = (await api.start_run(jobs=1))["jobs"]
    async with following(running.url, api.alice) as stream:
        kept = b""
        for text in ("one\n", "one\ntwo\n", "other\n ", "", "5\n"):
            await api.patch(job, {"logs": text})
            while kept != text.encode():
                kept = joined_log([await stream.next()], job, kept)
    async with following(running.url, api.alice, after=0) as stream:
        heard = await stream.until("log")

    assert joined_log(heard, job) == b"5\n"
    # What was told of the text that is no more is not told again.
    of_log = select(col(FeedEntry.start), col(FeedEntry.size)).where(
        col(FeedEntry.kind) == feed.LOG
    )
    async with running.app.state.database.reading() as session:
        entries = (await session.execute(of_log.order_by(col(FeedEntry.seq)))).all()
    assert [tuple(entry) for entry in entries] == [(0, 0), (0, 2)]


async def test_of_a_deleted_run_only_its_end_is_told(running: Running) -> None:
    api = running.api
    run = await api.start_run()
    async with following(running.url, api.alice, run=run["id"]) as open_before:
        await open_before.next()
        await api.client.delete(run["url"], headers=api.alice)
        assert (await open_before.next()).event == "run_deleted"

    async with following(running.url, api.alice, after=0, run=run["id"]) as opened_after:
        [_, told] = await opened_after.until("run_deleted")
    assert told.data["url"] == run["url"]


async def test_the_head_of_a_stream_comes_without_its_body(running: Running) -> None:
    answer = await running.api.client.head(PATH, headers=running.api.alice)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    await eventually(has_no_stream)


async def test_a_silent_stream_says_that_it_is_alive(running: Running) -> None:
    running.settings.live_heartbeat_seconds = 0.05
    async with following(running.url, running.api.alice) as stream:
        assert (await stream.any()).event == "hello"
        assert (await stream.any()).event == ""
        assert (await stream.any()).event == ""


async def test_a_log_is_told_to_the_byte_wherever_its_pages_end(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "LOG_BYTES_MAX", 5)
    monkeypatch.setattr(replay, "LOG_BYTES_PER_PAGE_MAX", 12)
    api = running.api
    [job] = (await api.start_run(jobs=1))["jobs"]
    lease = (await api.claim(job))["lease"]["token"]
    log = await say_log(api, job, lease, *(f"{n}" + "\U0001f600" * 6 for n in range(9)))
    await api.report(job, {"lease": lease, "status": "FAILED"})

    async with following(running.url, api.alice, after=0) as stream:
        heard = await stream.until("job", status="FAILED")

    assert joined_log(heard, job) == log.encode()
    texts = [told.data["text"] for told in heard if told.event == "log"]
    assert max(len(text.encode()) for text in texts) <= 12 + replay.REST_BYTES_MAX
