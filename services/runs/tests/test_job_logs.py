import pytest

from services.runs import logs
from services.runs.settings import RunsSettings
from services.runs.testing import Api


async def leased(api: Api) -> tuple[str, str]:
    [job, _] = (await api.start_run())["jobs"]
    return job, (await api.claim(job))["lease"]["token"]


async def test_chunks_appear_whole_and_in_order_while_the_job_runs(api: Api) -> None:
    job, lease = await leased(api)
    offset = 0

    for text in ("one\n", "caf\u00e9 \U0001f600\n", "  three \n\n"):
        body = {"lease": lease, "offset": offset, "text": text}
        offset = (await api.say(job, "logs", body)).json()["offset"]

    shown = await api.read(job)
    assert (shown["status"], shown["logs"]) == (
        "RUNNING",
        "one\ncaf\u00e9 \U0001f600\n  three \n\n",
    )
    assert offset == len(shown["logs"].encode())


async def test_a_chunk_that_is_sent_again_changes_nothing(api: Api) -> None:
    job, lease = await leased(api)
    for text, offset in (("one\n", 0), ("two\n", 4), ("one\n", 0), ("two\n", 4)):
        answer = await api.say(job, "logs", {"lease": lease, "offset": offset, "text": text})
        assert answer.status_code == 200

    assert answer.json() == {"offset": 8}
    assert (await api.read(job))["logs"] == "one\ntwo\n"


@pytest.mark.parametrize(("offset", "text"), [(9, "x"), (2, "ee\nmore")])
async def test_a_gap_is_refused_and_told_where_to_go_on(api: Api, offset: int, text: str) -> None:
    job, lease = await leased(api)
    await api.say(job, "logs", {"lease": lease, "offset": 0, "text": "one\n"})

    answer = await api.say(job, "logs", {"lease": lease, "offset": offset, "text": text})

    assert (answer.status_code, answer.json()["offset"]) == (409, 4)
    assert (await api.read(job))["logs"] == "one\n"


async def test_short_lines_share_rows_and_long_ones_do_not_grow_them_without_end(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "CHUNK_BYTES_MAX", 10)
    job, lease = await leased(api)
    whole = ""
    for number in range(30):
        text = f"{number}\n" * (1 + number % 7)
        body = {"lease": lease, "offset": len(whole), "text": text}
        assert (await api.say(job, "logs", body)).status_code == 200
        whole += text

    assert (await api.read(job))["logs"] == whole


async def test_a_log_has_a_limit(api: Api, settings: RunsSettings) -> None:
    settings.log_bytes_max = 5
    job, lease = await leased(api)

    assert (
        await api.say(job, "logs", {"lease": lease, "offset": 0, "text": "12345"})
    ).status_code == 200
    answer = await api.say(job, "logs", {"lease": lease, "offset": 5, "text": "6"})

    assert answer.status_code == 413
    assert (await api.read(job))["logs"] == "12345"


async def test_the_whole_log_may_be_sent_again_longer_shorter_blank_or_null(api: Api) -> None:
    [job, _] = (await api.start_run())["jobs"]
    for text in ("one\n", "one\ntwo\n", "one\ntwo\n", "other\n ", "", "", "5\n", None, ""):
        answer = await api.patch(job, {"logs": text})
        assert (answer.status_code, answer.json()["logs"]) == (200, text)


async def test_fields_of_a_chunk_are_judged(api: Api) -> None:
    job, _ = await leased(api)

    answer = await api.say(job, "logs", {"offset": -1, "text": None})

    assert (answer.status_code, answer.json()) == (
        400,
        {
            "lease": ["This field is required."],
            "offset": ["A valid integer is required."],
            "text": ["This field may not be null."],
        },
    )
