"""The state machines of jobs and runs. Pure: no clock, no database.

A job only goes forward, and what has ended stays as it is; only a lease that ends without a report,
and a retry of the run, put a job back to PENDING. A run has no will of its own: its status follows
from its jobs.
"""

from collections.abc import Sequence

from shared.events.runs import JobStatus, RunStatus

# What a report may say; CANCELED is not for reporting.
REPORTABLE: tuple[JobStatus, ...] = ("PENDING", "QUEUED", "RUNNING", "FAILED", "FINISHED")
JOB_STATUSES: tuple[JobStatus, ...] = (*REPORTABLE, "CANCELED")
UNFINISHED: tuple[JobStatus, ...] = ("PENDING", "QUEUED", "RUNNING")
TERMINAL: frozenset[str] = frozenset({"FINISHED", "FAILED", "CANCELED"})
# What a retry begins anew; the same for a run and for its jobs.
RETRIABLE: frozenset[str] = frozenset({"FAILED", "CANCELED"})
# Nobody has begun a job in one of these.
WAITING: frozenset[str] = frozenset({"PENDING", "QUEUED"})

_RANK = {"PENDING": 0, "QUEUED": 1, "RUNNING": 2, "FINISHED": 3, "FAILED": 3, "CANCELED": 3}


def can_become(current: str, wanted: str) -> bool:
    """Whether a report may put a job from one state into another; staying is always possible."""
    return current == wanted or _RANK[wanted] > _RANK[current]


def run_status(jobs: Sequence[str]) -> RunStatus:
    """The run's status, from the states of its jobs; with nothing left to do it is FINISHED."""
    decisive: RunStatus
    for decisive in ("FAILED", "CANCELED"):
        if decisive in jobs:
            return decisive
    if all(job == "FINISHED" for job in jobs):
        return "FINISHED"
    return "PENDING" if WAITING.issuperset(jobs) else "RUNNING"
