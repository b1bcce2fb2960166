"""Runs and jobs as clients see them: columns in, dicts out, one query for each kind of detail."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs import outputs, queries
from services.runs.backends.waiting import WaitingReason, served_now, waiting_reason
from services.runs.logs import excerpt
from services.runs.logs.queries import list_shown_chunks, list_sizes
from services.runs.queries import JobFilter, RunFilter
from services.runs.rows.holding import JobRow
from shared.clock import iso, shown
from shared.errors import NotFound
from shared.hyperlinks import API_PREFIX, Hyperlinks
from shared.lists import narrowed
from shared.paging import Page
from shared.steady import Steady

RUN_FIELDS = (
    "id",
    "url",
    "owner",
    "pipeline",
    "files",
    "jobs",
    "status",
    "date_created",
    "started",
    "finished",
    "duration_seconds",
)
JOB_FIELDS = (
    "id",
    "url",
    "owner",
    "run",
    "task",
    "parent_job",
    "status",
    "output",
    "output_files",
    "logs",
    "log_bytes",
    "date_created",
    "function",
    "module",
    "commit",
    "arguments",
    "attempt",
    "worker",
    "started",
    "finished",
    "duration_seconds",
    "waiting_reason",
)
ALL_RUN_FIELDS = frozenset(RUN_FIELDS)
ALL_JOB_FIELDS = frozenset(JOB_FIELDS)

Grouped = dict[int, list[Any]]


async def show_runs(
    session: AsyncSession,
    which: RunFilter,
    links: Hyperlinks,
    wanted: frozenset[str] = ALL_RUN_FIELDS,
    page: Page | None = None,
) -> list[dict[str, Any]]:
    page = page or Page(queries.RUN_ORDERS)
    rows = await queries.list_runs(session, which, page)
    which = page.narrowed(which, rows)
    files = grouped(await queries.list_run_files(session, which) if "files" in wanted else ())
    jobs = grouped(await queries.list_run_jobs(session, which) if "jobs" in wanted else ())
    return [
        narrowed(view_run(row, files.get(row.id, ()), jobs.get(row.id, ()), links), wanted)
        for row in rows
    ]


async def show_run(session: AsyncSession, which: RunFilter, links: Hyperlinks) -> dict[str, Any]:
    """The one run of the filter, or NotFound."""
    return _only(await show_runs(session, which, links))


class Urls:
    """What the urls of all things of a kind begin with: in a long list there are thousands."""

    def __init__(self, links: Hyperlinks):
        self.jobs, self.runs, self.users, self.tasks, self.files, self.pipelines = (
            links.path(f"{API_PREFIX}{kind}/")
            for kind in ("jobs", "runs", "users", "tasks", "files", "pipelines")
        )


class JobList:
    """One list of jobs, whose logs share the room that one answer has for them."""

    def __init__(
        self,
        which: JobFilter,
        links: Hyperlinks,
        wanted: frozenset[str] = ALL_JOB_FIELDS,
        steady: Steady | None = None,
        whole: Page | None = None,
    ):
        self._which = which
        self._links = links
        self._wanted = wanted
        self._steady = steady
        # What is shown page by page although nobody asked for pages.
        self._whole = whole
        self._log_share: int | None = None

    async def show(self, session: AsyncSession, page: Page) -> list[dict[str, Any]]:
        rows = await queries.list_jobs(session, self._which, page)
        if "logs" in self._wanted and self._whole not in (None, page) and not page.is_everything:
            await self._share_among_all(session, self._whole)
        return await self.show_rows(session, rows, page.narrowed(self._which, rows))

    async def _share_among_all(self, session: AsyncSession, whole: Page) -> None:
        if self._log_share is None:
            sizes = await list_sizes(session, self._which, whole)
            self._log_share = excerpt.fair_share(sizes)

    async def show_rows(
        self, session: AsyncSession, rows: Sequence[Any], which: JobFilter
    ) -> list[dict[str, Any]]:
        """`which` finds these rows, or more."""
        wanted, urls = self._wanted, Urls(self._links)
        outputs = grouped(
            await queries.list_outputs(session, which) if "output_files" in wanted else ()
        )
        log_share = self._log_share or excerpt.fair_share(row.log_bytes for row in rows)
        has_logs = "logs" in wanted and any(row.log_bytes for row in rows)
        served = await served_now(session, rows) if "waiting_reason" in wanted else frozenset()
        # A silent backend is gone by the clock alone, and to poll what is PENDING is to be there.
        if self._steady is not None and (served or which.status == "PENDING"):
            self._steady.ends(0)
        chunks = await list_shown_chunks(session, which, bytes_max=log_share) if has_logs else ()
        logs = grouped(chunks)

        def shown_log(row: Any) -> str | None:
            url = f"{urls.jobs}{row.id}/logs/"
            return excerpt.shown(row.log_bytes, logs.get(row.id, ()), bytes_max=log_share, url=url)

        return [
            narrowed(
                _job(
                    row,
                    outputs.get(row.id, ()),
                    None if row.log_bytes is None else shown_log(row),
                    waiting_reason(row, served),
                    urls,
                ),
                wanted,
            )
            for row in rows
        ]


async def show_job(session: AsyncSession, which: JobFilter, links: Hyperlinks) -> dict[str, Any]:
    """The one job of the filter, or NotFound."""
    return _only(await JobList(which, links).show(session, Page(queries.JOB_ORDERS)))


async def show_this_job(session: AsyncSession, job: JobRow, links: Hyperlinks) -> dict[str, Any]:
    """As it is in the transaction that has just changed it, and written that."""
    urls = Urls(links)
    log = await _whole_log(session, job, urls) if job.log_bytes is not None else None
    return _job(
        job,
        await outputs.list_outputs(session, job.id),
        log,
        waiting_reason(job, await served_now(session, [job])),
        urls,
    )


async def _whole_log(session: AsyncSession, job: JobRow, urls: Urls) -> str | None:
    room, which = excerpt.LOG_BYTES_MAX, JobFilter(ids=[job.id])
    chunks = await list_shown_chunks(session, which, bytes_max=room) if job.log_bytes else ()
    url = f"{urls.jobs}{job.id}/logs/"
    return excerpt.shown(job.log_bytes, [chunk for _, chunk in chunks], bytes_max=room, url=url)


def view_run(
    row: Any, file_ids: Sequence[int], job_ids: Sequence[int], links: Hyperlinks
) -> dict[str, Any]:
    """From columns, or from the run itself just after it was made."""
    item = links.item
    return {
        "id": row.id,
        "url": item("runs", row.id),
        "owner": item("users", row.owner_id),
        "pipeline": item("pipelines", row.pipeline_id),
        "files": [item("files", file_id) for file_id in file_ids],
        "jobs": [item("jobs", job_id) for job_id in job_ids],
        "status": row.status,
        "date_created": iso(row.created_at),
        "started": maybe_iso(row.started_at),
        "finished": maybe_iso(row.ended_at),
        "duration_seconds": duration_seconds(row.started_at, row.ended_at),
    }


def _job(
    row: Any,
    output_ids: Sequence[int],
    log: str | None,
    waiting: WaitingReason | None,
    urls: Urls,
) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": f"{urls.jobs}{row.id}/",
        "owner": f"{urls.users}{row.owner_id}/",
        "run": f"{urls.runs}{row.run_id}/",
        "task": f"{urls.tasks}{row.task_id}/",
        "parent_job": None if row.parent_id is None else f"{urls.jobs}{row.parent_id}/",
        "status": row.status,
        "output": row.output,
        "output_files": [f"{urls.files}{file_id}/" for file_id in output_ids],
        "logs": log,
        "log_bytes": row.log_bytes,
        "date_created": shown(row.created_at),
        "function": row.function,
        "module": row.module,
        "commit": row.commit,
        "arguments": row.arguments,
        "attempt": row.attempt,
        "worker": row.worker,
        "started": maybe_shown(row.started_at),
        "finished": maybe_shown(row.ended_at),
        "duration_seconds": duration_seconds(row.started_at, row.ended_at),
        "waiting_reason": waiting,
    }


def grouped(pairs: Iterable[Any]) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found


def _only(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if not found:
        raise NotFound
    return found[0]


def maybe_iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)


def maybe_shown(moment: datetime | None) -> datetime | str | None:
    return None if moment is None else shown(moment)


def duration_seconds(started: datetime | None, ended: datetime | None) -> float | None:
    """Null until the end, so that what is at work looks the same from one moment to the next."""
    return None if started is None or ended is None else (ended - started).total_seconds()
