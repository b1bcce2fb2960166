"""Which runs and jobs a query string asks for; every filter that makes no sense is told at once."""

from collections.abc import Callable
from typing import TypeVar

from starlette.datastructures import QueryParams

from services.runs.queries import JobFilter, RunFilter
from services.runs.states import JOB_STATUSES
from shared.errors import InvalidFields
from shared.lists import ids_wanted, not_a_choice

T = TypeVar("T")


def job_filter(query: QueryParams, *, owner_id: int | None) -> JobFilter:
    faults: dict[str, list[str]] = {}
    which = JobFilter(
        owner_id=owner_id,
        ids=_noting(faults, lambda: ids_wanted(query, "id")),
        run_ids=_noting(faults, lambda: ids_wanted(query, "run")),
        status=query.get("status") or None,
    )
    if which.status is not None and which.status not in JOB_STATUSES:
        faults["status"] = [not_a_choice(which.status)]
    if faults:
        raise InvalidFields(faults)
    return which


def run_filter(query: QueryParams, *, owner_id: int | None) -> RunFilter:
    return RunFilter(owner_id, ids_wanted(query, "id"), ids_wanted(query, "pipeline"))


def _noting(faults: dict[str, list[str]], read: Callable[[], T | None]) -> T | None:
    try:
        return read()
    except InvalidFields as error:
        faults.update(error.faults)
        return None
