"""Appending to a log under a lease: once, in order, to the byte, up to its limit."""

import pytest

from services.runs.logs import writing
from services.runs.logs.submission import PLAIN_BYTES_MAX
from services.runs.settings import RunsSettings
from services.runs.testing import Api

MARK = "mlsploit: the log was cut here, at {} bytes; what followed was not kept\n"


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
    assert offset == len(shown["logs"].encode()) == shown["log_bytes"]


async def test_a_chunk_that_is_sent_again_changes_nothing(api: Api) -> None:
    job, lease = await leased(api)
    for text, offset in (("one\n", 0), ("two\n", 4), ("one\n", 0), ("two\n", 4)):
        answer = await api.say(job, "logs", {"lease": lease, "offset": offset, "text": text})
        assert answer.status_code == 200

    assert answer.json() == {"offset": 8, "full": False}
    assert (await api.read(job))["logs"] == "one\ntwo\n"


async def test_of_a_chunk_whose_beginning_is_stored_only_the_rest_is(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "CHUNK_BYTES_MAX", 3)
    job, lease = await leased(api)
    await api.say(job, "logs", {"lease": lease, "offset": 0, "text": "one\ntwo \u2603\n"})

    body = {"lease": lease, "offset": 2, "text": "e\ntwo \u2603\nthree\n"}
    answer = await api.say(job, "logs", body)

    assert answer.json() == {"offset": 18, "full": False}
    assert (await api.read(job))["logs"] == "one\ntwo \u2603\nthree\n"


@pytest.mark.parametrize(("offset", "text"), [(9, "x"), (2, "ee\nmore"), (0, "One\n")])
async def test_a_gap_or_another_text_is_refused_and_told_where_to_go_on(
    api: Api, offset: int, text: str
) -> None:
    job, lease = await leased(api)
    await api.say(job, "logs", {"lease": lease, "offset": 0, "text": "one\n"})

    answer = await api.say(job, "logs", {"lease": lease, "offset": offset, "text": text})

    assert (answer.status_code, answer.json()["offset"]) == (409, 4)
    assert (await api.read(job))["logs"] == "one\n"


async def test_short_lines_share_rows_and_long_texts_fill_several(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "CHUNK_BYTES_MAX", 10)
    job, lease = await leased(api)
    whole = ""
    for number in range(30):
        text = f"{number} \u2603\n" * (1 + number % 7)
        body = {"lease": lease, "offset": len(whole.encode()), "text": text}
        assert (await api.say(job, "logs", body)).status_code == 200
        whole += text

    assert (await api.read(job))["logs"] == whole


async def test_a_log_is_cut_at_its_limit_and_says_so_once(api: Api, settings: RunsSettings) -> None:
    settings.log_bytes_max = 6
    job, lease = await leased(api)

    for _ in range(2):
        answer = await api.say(job, "logs", {"lease": lease, "offset": 0, "text": "12345\u2603"})
        assert (answer.status_code, answer.json()["full"]) == (200, True)
    later = await api.say(job, "logs", {"lease": lease, "offset": 8, "text": "more"})

    assert later.json() == answer.json()
    assert (await api.read(job))["logs"] == "12345\n" + MARK.format(5)


async def test_a_log_that_just_fits_is_not_cut(api: Api, settings: RunsSettings) -> None:
    settings.log_bytes_max = 5
    job, lease = await leased(api)

    answer = await api.say(job, "logs", {"lease": lease, "offset": 0, "text": "12345"})

    assert answer.json() == {"offset": 5, "full": False}
    assert (await api.read(job))["logs"] == "12345"


async def test_plain_text_costs_no_more_than_its_bytes(api: Api) -> None:
    job, lease = await leased(api)

    first = await api.say_plainly(job, "caf\u00e9 ".encode(), lease=lease, offset=0)
    answer = await api.say_plainly(job, b"\xe2\x98\x83\n", lease=lease, offset=6)
    again = await api.say_plainly(job, b"\xe2\x98\x83\n", lease=lease, offset=6)

    assert first.json() == {"offset": 6, "full": False}
    assert answer.json() == again.json() == {"offset": 10, "full": False}
    assert (await api.read(job))["logs"] == "caf\u00e9 \u2603\n"


async def test_bytes_that_no_text_has_are_replaced_one_by_one(api: Api) -> None:
    job, lease = await leased(api)

    answer = await api.say_plainly(job, b"a\0b\xffc\xe2\x98d\n", lease=lease, offset=0)

    assert answer.json()["offset"] == 9
    assert (await api.read(job))["logs"] == "a?b?c??d\n"


async def test_a_character_cut_in_two_is_left_for_the_next_piece(api: Api) -> None:
    job, lease = await leased(api)
    raw = "\u2603\u2603\n".encode()

    offset = (await api.say_plainly(job, raw[:4], lease=lease, offset=0)).json()["offset"]
    await api.say_plainly(job, raw[offset:], lease=lease, offset=offset)

    assert offset == 3
    assert (await api.read(job))["logs"] == "\u2603\u2603\n"


async def test_plain_text_names_its_lease_and_offset_and_has_a_size(api: Api) -> None:
    job, lease = await leased(api)

    nameless = await api.say_plainly(job, b"x")
    stale = await api.say_plainly(job, b"x", lease="other", offset=0)
    bad = await api.say_plainly(job, b"x", lease=lease, offset="-1")
    long = await api.say_plainly(job, b"x" * (PLAIN_BYTES_MAX + 1), lease=lease, offset=0)

    missing = ["This field is required."]
    assert (nameless.status_code, nameless.json()) == (400, {"lease": missing, "offset": missing})
    assert (stale.status_code, bad.status_code, long.status_code) == (409, 400, 413)
    assert bad.json() == {"offset": ["A valid integer is required."]}
    assert (await api.read(job))["logs"] is None


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
