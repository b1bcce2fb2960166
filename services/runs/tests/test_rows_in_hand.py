import pytest
from sqlalchemy import event

from services.runs.models import Job, Run
from services.runs.rows import holding
from services.runs.rows.holding import JOBS, RUNS, Kind
from services.runs.rows.queries import find_child, get_job, lock_job, lock_jobs, lock_run
from services.runs.testing import Api
from shared.db import Database, table_of
from shared.hyperlinks import id_of


@pytest.mark.parametrize(("kind", "model"), [(RUNS, Run), (JOBS, Job)])
async def test_a_row_has_every_column_of_its_table(
    kind: "Kind[holding.RunRow] | Kind[holding.JobRow]", model: type
) -> None:
    assert sorted(kind.names) == sorted(table_of(model).c.keys())


async def test_what_was_changed_is_written_once_and_nothing_else(
    api: Api, database: Database
) -> None:
    job_id = id_of((await api.start_run())["jobs"][0])
    said: list[str] = []

    def note(*args: object) -> None:
        said.append(str(args[2]))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    async with database.transaction() as session:
        run, job = await lock_job(session, job_id, owner_id=None)
        job.worker, job.announcements, run.status = "w", job.announcements, "RUNNING"
        await holding.write(session)
        run.status = "PENDING"
    event.remove(database.engine.sync_engine, "before_cursor_execute", note)

    changes = [text for text in said if text.startswith("UPDATE")]
    assert [text.partition(" WHERE")[0].partition("=")[0] for text in changes] == [
        "UPDATE runs SET status",
        "UPDATE jobs SET worker",
        "UPDATE runs SET status",
    ]
    assert not any("," in text.partition("WHERE")[0] for text in changes)
    async with database.reading() as session:
        stored = await get_job(session, job_id, owner_id=None)
    assert stored.worker == "w"


async def test_a_transaction_has_one_row_of_a_thing(api: Api, database: Database) -> None:
    first, second = (id_of(url) for url in (await api.start_run())["jobs"])
    async with database.transaction() as session:
        run, job = await lock_job(session, second, owner_id=None)
        job.worker = "w"
        [_, again] = await lock_jobs(session, run.id)

        assert again is job
        assert await find_child(session, first) is job
        assert await lock_run(session, run.id, owner_id=None) is run
