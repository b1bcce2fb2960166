"""Judges what is left after the storm, a sentence for each fault; none is the promise kept.

What the clients intended is held against the databases, the contents and the stream of events.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from chaos.records import Row, Told
from chaos.workload import STEPS, Outcome, content_after

ATTEMPT_OVER = "reported FINISHED"
JOB_EVENT = "runs.job.status_changed.v1"
RUN_EVENT = "runs.run.status_changed.v1"
MADE = "runs.run.created.v1"
# What a status may follow; a job is PENDING again when its lease ended without a report.
MAY_FOLLOW = {
    "RUNNING": {"PENDING"},
    "PENDING": {"RUNNING"},
    "FINISHED": {"RUNNING"},
}


@dataclass
class Kept:
    """Rows as the databases hold them."""

    runs: list[Row] = field(default_factory=list)
    run_files: list[Row] = field(default_factory=list)
    jobs: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    outputs: list[Row] = field(default_factory=list)
    files: list[Row] = field(default_factory=list)
    held: list[Row] = field(default_factory=list)


def faults_of_runs(outcome: Outcome, kept: Kept) -> Iterator[str]:
    """Each run that was wanted exists once and is finished; nobody else's is there."""
    names = {file["id"]: file["name"] for file in kept.files}
    made = Counter(names.get(row["file_id"], "?") for row in kept.run_files)
    for name, run_id in outcome.runs.items():
        if made[name] != 1:
            yield f"the run of {name} exists {made[name]} times"
        if run_id not in {run["id"] for run in kept.runs}:
            yield f"run {run_id} was answered, and is not there"
    for name in made.keys() - outcome.runs.keys():
        yield f"a run of {name} exists, and nobody wanted it"
    for run in kept.runs:
        if run["status"] != "FINISHED":
            yield f"run {run['id']} is {run['status']}"


def faults_of_jobs(kept: Kept) -> Iterator[str]:
    """Each job is finished, by one attempt and no other, with one output."""
    per_run = Counter(job["run_id"] for job in kept.jobs)
    results = Counter(row["job_id"] for row in kept.attempts if row["reason"] == ATTEMPT_OVER)
    outputs = Counter(row["job_id"] for row in kept.outputs)
    for run in kept.runs:
        if per_run[run["id"]] != STEPS:
            yield f"run {run['id']} has {per_run[run['id']]} jobs"
    for job in kept.jobs:
        found = (job["status"], results[job["id"]], outputs[job["id"]])
        if found != ("FINISHED", 1, 1):
            yield f"job {job['id']}: status, accepted results, outputs are {found}"
    for row in kept.attempts:
        if row["ended_at"] is None:
            yield f"attempt {row['attempt']} of job {row['job_id']} never ended"


def faults_of_contents(outcome: Outcome, kept: Kept) -> Iterator[str]:
    """By the digests that the files service computed when it took them in."""
    by_id = {file["id"]: file for file in kept.files}
    jobs = defaultdict(list)
    for row in kept.outputs:
        jobs[row["job_id"]].append(row["file_id"])
    inputs = {row["run_id"]: by_id[row["file_id"]] for row in kept.run_files}
    steps: Counter[int] = Counter()
    for job in sorted(kept.jobs, key=lambda job: int(job["id"])):
        run_id = job["run_id"]
        steps[run_id] += 1
        name = inputs[run_id]["name"]
        wanted = sha256(content_after(name, steps[run_id])).hexdigest()
        for file_id in jobs[job["id"]]:
            if by_id[file_id]["sha256"] != wanted:
                yield f"output {file_id} of job {job['id']} is not step {steps[run_id]} of {name}"
    for file in kept.files:
        if file["kind"] == "INPUT" and file["sha256"] != _digest(file["name"]):
            yield f"{file['name']} is not what was uploaded"
    held = {row["file_id"] for row in kept.held}
    for file_id, file in by_id.items():
        if file["kind"] == "OUTPUT" and file_id not in held:
            yield f"output {file_id} belongs to no run"
    uploads = Counter(file["name"] for file in kept.files if file["kind"] == "INPUT")
    for name in outcome.runs:
        if uploads[name] != 1:
            yield f"{name} was uploaded {uploads[name]} times"


def _digest(name: str) -> str:
    return sha256(content_after(name, 0)).hexdigest()


def faults_of_events(kept: Kept, told: Sequence[Told]) -> Iterator[str]:
    """Each event once by its id; per run in the order of what happened; none missing."""
    for event_id, times in Counter(event.id for event in told).items():
        if times != 1:
            yield f"event {event_id} is in the stream {times} times"
    living = {run["id"] for run in kept.runs}
    per_run = defaultdict(list)
    for event in told:
        if event.data.get("run_id") in living:
            per_run[event.data["run_id"]].append(event)
    for run in kept.runs:
        yield from _faults_of_one(run["id"], per_run[run["id"]])
    yield from _missing(kept, [event for events in per_run.values() for event in events])


def _faults_of_one(run_id: int, events: Sequence[Told]) -> Iterator[str]:
    if not events or events[0].type != MADE:
        yield f"run {run_id}: the first of its {len(events)} events is not that it was made"
        return
    jobs = dict.fromkeys(events[0].data["job_ids"], "PENDING")
    order = list(jobs)
    status = "PENDING"
    for event in events[1:]:
        now = event.data["status"]
        if event.type == JOB_EVENT:
            job_id = event.data["job_id"]
            at = order.index(job_id)
            if jobs[job_id] not in MAY_FOLLOW[now]:
                yield f"event {event.sequence}: job {job_id} went from {jobs[job_id]} to {now}"
            if at and jobs[order[at - 1]] != "FINISHED":
                yield f"event {event.sequence}: job {job_id} is {now} before its turn"
            jobs[job_id] = now
        elif event.type == RUN_EVENT:
            if now == status:
                yield f"event {event.sequence}: run {run_id} is told to be {now} again"
            status = now
        else:
            yield f"event {event.sequence}: {event.type} of run {run_id}, which is there"
    if {status, *jobs.values()} != {"FINISHED"}:
        yield f"run {run_id}: the last that is told of it is {status}, {list(jobs.values())}"


def _missing(kept: Kept, told: Iterable[Told]) -> Iterator[str]:
    """Every attempt has left its traces."""
    begun = Counter(
        event.data["job_id"]
        for event in told
        if event.type == JOB_EVENT and event.data["status"] == "RUNNING"
    )
    attempts = Counter(row["job_id"] for row in kept.attempts)
    for job_id in begun.keys() | attempts.keys():
        if begun[job_id] != attempts[job_id]:
            yield f"job {job_id}: {attempts[job_id]} attempts, {begun[job_id]} told"
