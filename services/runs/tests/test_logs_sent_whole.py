"""Backends of old send the whole log with every line; earlier attempts and our lines stay."""

import pytest
from sqlalchemy import event

from services.runs import sweeper
from services.runs.logs import writing
from services.runs.rows.queries import lock_job_alone
from services.runs.settings import RunsSettings
from services.runs.testing import Api
from shared.db import Database
from shared.hyperlinks import id_of

MARK = "mlsploit: the log was cut here, at {} bytes; what followed was not kept\n"


async def a_job(api: Api) -> str:
    first: str = (await api.start_run())["jobs"][0]
    return first


async def test_the_whole_log_may_be_sent_again_longer_shorter_blank_or_null(api: Api) -> None:
    job = await a_job(api)
    for text in ("one\n", "one\ntwo\n", "one\ntwo\n", "other\n ", "", "", "5\n", None, ""):
        answer = await api.patch(job, {"logs": text})
        assert (answer.status_code, answer.json()["logs"]) == (200, text)


async def test_only_the_difference_is_stored(
    api: Api, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "CHUNK_BYTES_MAX", 100)
    job = await a_job(api)
    written: list[int] = []

    @event.listens_for(database.engine.sync_engine, "before_cursor_execute")
    def note(_c: object, _k: object, statement: str, values: object, *_: object) -> None:
        if "job_log_chunks" in statement and not statement.startswith("SELECT"):
            written.append(len(str(values)))

    whole = ""
    for number in range(100):
        whole += f"line {number} \u2603\n"
        assert (await api.patch(job, {"logs": whole})).json()["logs"] == whole

    # One row each, none longer than a row and what stands around it, however long the log is.
    assert len(written) == 100
    assert max(written) < 300


async def test_a_log_that_is_too_long_is_cut_and_the_report_counts(
    api: Api, settings: RunsSettings
) -> None:
    settings.log_bytes_max = 8
    job = await a_job(api)

    for text in ("one\ntwo\nthree\n", "one\ntwo\nthree\nfour\n"):
        answer = await api.patch(job, {"logs": text, "status": "RUNNING"})
        assert (answer.status_code, answer.json()["status"]) == (200, "RUNNING")
        assert answer.json()["logs"] == "one\ntwo\n" + MARK.format(8)
    other = await api.patch(job, {"logs": "other", "status": "FINISHED"})

    assert (other.json()["status"], other.json()["logs"]) == ("FINISHED", "other")


async def test_what_an_earlier_attempt_said_stays_above(
    api: Api, settings: RunsSettings, database: Database
) -> None:
    settings.lease_seconds = 0
    job = await a_job(api)
    lease = (await api.claim(job))["lease"]["token"]
    await api.say(job, "logs", {"lease": lease, "offset": 0, "text": "first attempt\n"})
    await sweeper.sweep(database, settings)
    before = (await api.read(job))["logs"]

    for text in ("a\n", "a\nb\n", "other\n", None, "c\n"):
        answer = await api.patch(job, {"logs": text, "status": "RUNNING"})
        assert answer.json()["logs"] == before + (text or "")

    assert before.startswith("first attempt\nmlsploit: attempt 1 ended: ")


async def test_a_line_of_ours_is_not_taken_for_the_backends(api: Api, database: Database) -> None:
    job = await a_job(api)
    await api.patch(job, {"logs": "a\nb"})
    async with database.transaction() as session:
        locked = await lock_job_alone(session, id_of(job), owner_id=None)
        await writing.append_line(session, locked, "said by us")

    longer = await api.patch(job, {"logs": "a\nb c\n"})
    other = await api.patch(job, {"logs": "other\n"})

    assert longer.json()["logs"] == "a\nb\nmlsploit: said by us\n c\n"
    assert other.json()["logs"] == "other\nmlsploit: said by us\n"
