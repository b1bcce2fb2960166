"""Bodies this service takes and gives: the promise to its callers."""

from typing import Annotated, Any, Literal

from services.runs.backends.waiting import WaitingReason
from services.runs.states import REPORTABLE
from shared.bodies import Body
from shared.events.runs import JobStatus, RunStatus
from shared.fields import Choice, JsonText, Link, Links, Number, Text
from shared.openapi import (
    EXAMPLE_HOST,
    Answer,
    JsonString,
    Moment,
    Url,
    example_url,
    shown_as,
)

WORKER_CHARACTERS_MAX = 200

Lease = Annotated[str, Text(longest=200)]
Status = Literal["PENDING", "QUEUED", "RUNNING", "FAILED", "FINISHED"]

BEGUN = "2026-11-23T16:35:50.501938Z"
EXPIRES = "2026-11-23T16:36:20.501938Z"
COMMIT = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"
LEASE = {"attempt": 1, "seconds": 30, "expires_at": EXPIRES}
HELD = "c2VjcmV0"
LEASE_WITH_TOKEN = {"token": HELD, **LEASE}
MODULE = {"name": "digits", "repo_url": "https://example.org/digits.git", "commit": COMMIT}
INPUT_FILE = {
    "id": 1,
    "url": example_url("files"),
    "name": "digits.npz",
    "blob_url": f"{EXAMPLE_HOST}/media/files/AAAAAAAAAAE.c2lnbmF0dXJl/digits.npz",
    "size": 52731,
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "tags": {"kind": "dataset"},
}
JOB: dict[str, Any] = {
    "id": 2,
    "url": example_url("jobs", 2),
    "owner": example_url("users"),
    "run": example_url("runs"),
    "task": example_url("tasks"),
    "parent_job": example_url("jobs"),
    "status": "FINISHED",
    "output": '{"accuracy": 0.93}',
    "output_files": [example_url("files", 2)],
    "logs": "step 1 of 10\n",
    "log_bytes": 13,
    "date_created": BEGUN,
    "function": "FGSM",
    "module": "digits",
    "commit": COMMIT,
    "arguments": '{"epsilon": 0.1}',
    "attempt": 1,
    "worker": "worker-1",
    "started": BEGUN,
    "finished": EXPIRES,
    "duration_seconds": 30.0,
}


class NewRun(Body):
    model_config = shown_as(pipeline=example_url("pipelines"), files=[example_url("files")])

    pipeline: Annotated[int, Link(to="pipelines")]
    files: Annotated[list[int], Links(to="files")]


class NewRunForm(NewRun):
    """A form cannot say an empty list, so leaving `files` out means one."""

    files: Annotated[list[int], Links(to="files")] = []


class JobReport(Body):
    """PATCH and PUT alike: what is left out stays as it is."""

    model_config = shown_as(status="FINISHED", output="{}", output_files=[example_url("files", 2)])

    status: Annotated[Status | None, Choice(options=REPORTABLE)] = None
    output: Annotated[
        str | None, JsonText(nullable=True, blank=True, blank_form_is_absent=False)
    ] = None
    output_files: Annotated[list[int], Links(to="files")] = []
    logs: Annotated[str | None, Text(nullable=True, blank=True, trim=False)] = None
    lease: Annotated[str | None, Text(longest=200, nullable=True)] = None


class ClaimRequest(Body):
    model_config = shown_as(worker="worker-1")

    worker: Annotated[str, Text(longest=WORKER_CHARACTERS_MAX, blank=True)] = ""


class Heartbeat(Body):
    model_config = shown_as(lease=HELD)

    lease: Lease


class LogAppend(Body):
    """`offset` counts the bytes of UTF-8 that stand before this text."""

    model_config = shown_as(lease=HELD, offset=0, text="step 1 of 10\n")

    lease: Lease
    offset: Annotated[int, Number()]
    text: Annotated[str, Text(blank=True, trim=False)]


class Release(Body):
    model_config = shown_as(lease=HELD, reason="stopping")

    lease: Lease
    reason: Annotated[str, Text(longest=1000, blank=True)] = ""


class RunRead(Answer):
    model_config = shown_as(
        id=1,
        url=example_url("runs"),
        owner=example_url("users"),
        pipeline=example_url("pipelines"),
        files=[example_url("files")],
        jobs=[example_url("jobs")],
        status="FINISHED",
        date_created=BEGUN,
        started=BEGUN,
        finished=EXPIRES,
        duration_seconds=30.0,
    )

    id: int
    url: Url
    owner: Url
    pipeline: Url
    files: list[Url]
    # In the order of the tasks.
    jobs: list[Url]
    status: RunStatus
    date_created: Moment
    started: Moment | None
    finished: Moment | None
    # Between the two, with what a run stood still before a retry.
    duration_seconds: float | None


class JobRead(Answer):
    model_config = shown_as(**JOB)

    id: int
    url: Url
    owner: Url
    run: Url
    task: Url
    parent_job: Url | None
    status: JobStatus
    output: JsonString | None
    output_files: list[Url]
    # The beginning and the end of a very long one; `logs/` below the job has all of it.
    logs: str | None
    log_bytes: int | None
    date_created: Moment
    function: str
    module: str
    commit: str
    arguments: JsonString
    attempt: int
    worker: str
    # Of the latest attempt.
    started: Moment | None
    finished: Moment | None
    duration_seconds: float | None
    # Null unless the job is PENDING; always there, but a document's example can hold no null.
    waiting_reason: WaitingReason | None = None


class LeaseRead(Answer):
    model_config = shown_as(**LEASE)

    attempt: int
    seconds: float
    expires_at: Moment | None


class GrantedLease(LeaseRead):
    model_config = shown_as(**LEASE_WITH_TOKEN)

    # Named by every later report.
    token: str


class JobModule(Answer):
    model_config = shown_as(**MODULE)

    name: str
    repo_url: str
    commit: str


class JobFile(Answer):
    model_config = shown_as(**INPUT_FILE)

    id: int
    url: Url
    name: str
    blob_url: Url
    size: int
    sha256: str
    tags: dict[str, Any]


class Claimed(Answer):
    model_config = shown_as(
        job=JOB,
        lease=LEASE_WITH_TOKEN,
        module=MODULE,
        function="FGSM",
        options={"epsilon": 0.1},
        timeout_seconds=3600,
        owner=example_url("users"),
        files=[INPUT_FILE],
    )

    job: JobRead
    lease: GrantedLease
    module: JobModule
    function: str
    options: dict[str, Any]
    timeout_seconds: float | None
    owner: Url
    files: list[JobFile]


class Renewed(Answer):
    model_config = shown_as(lease=LEASE)

    lease: LeaseRead


class LogEnd(Answer):
    model_config = shown_as(offset=13, full=False)

    # Where the log ends; go on from there.
    offset: int
    # It has reached its limit: nothing that is sent any more is kept.
    full: bool


class Released(Answer):
    model_config = shown_as(status="PENDING")

    status: JobStatus
