"""The administrators' commands of this service; they call the same rules as a route does."""

from collections import Counter
from typing import Annotated

import typer

from services.runs import leases, queries
from services.runs.main import describe
from services.runs.queries import JobFilter, RunFilter
from services.runs.rows.queries import lock_job
from services.runs.settings import RunsSettings
from shared.clock import iso
from shared.commands import on_database
from shared.db import Database
from shared.errors import NotFound

app = typer.Typer(help="Runs and jobs.", no_args_is_help=True, add_completion=False)


@app.command()
def listruns() -> None:
    """List all runs: id, owner, pipeline, status, jobs finished, when it was made."""

    async def rows(database: Database) -> list[str]:
        async with database.reading() as session:
            runs = await queries.list_runs(session, RunFilter())
            jobs = await queries.list_jobs(session, JobFilter())
        total = Counter(job.run_id for job in jobs)
        done = Counter(job.run_id for job in jobs if job.status == "FINISHED")
        return [
            f"{run.id}\tuser {run.owner_id}\tpipeline {run.pipeline_id}\t{run.status}"
            f"\t{done[run.id]}/{total[run.id]} jobs\t{iso(run.created_at)}"
            for run in runs
        ]

    print("\n".join(on_database(describe(RunsSettings.load()), rows)))


@app.command()
def requeue(job_id: Annotated[int, typer.Argument(help="The job's id.")]) -> None:
    """Announce a waiting job again, or take one back from a backend that is gone."""
    settings = RunsSettings.load()

    async def announce(database: Database) -> None:
        async with database.transaction() as session:
            try:
                run, job = await lock_job(session, job_id, owner_id=None)
            except NotFound:
                raise NotFound(f"Job {job_id} does not exist.") from None
            await leases.requeue(session, run, job, settings)

    on_database(describe(settings), announce)
    print(f"Job {job_id} is announced again.")
