"""Which jobs a query string asks for; every filter that makes no sense is told at once."""

from collections.abc import Callable
from typing import TypeVar

from starlette.datastructures import QueryParams

from services.runs.queries import JobFilter
from services.runs.states import JOB_STATUSES
from shared.errors import InvalidFields
from shared.lists import choice_wanted, ids_wanted

T = TypeVar("T")


def job_filter(query: QueryParams, *, owner_id: int | None) -> JobFilter:
    faults: dict[str, list[str]] = {}
    which = JobFilter(
        owner_id=owner_id,
        ids=_noting(faults, lambda: ids_wanted(query, "id")),
        run_ids=_noting(faults, lambda: ids_wanted(query, "run")),
        status=_noting(faults, lambda: choice_wanted(query, "status", JOB_STATUSES)),
    )
    if faults:
        raise InvalidFields(faults)
    return which


def _noting(faults: dict[str, list[str]], read: Callable[[], T | None]) -> T | None:
    try:
        return read()
    except InvalidFields as error:
        faults.update(error.faults)
        return None
