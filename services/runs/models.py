"""Tables: runs, their chain of jobs, and everything that happens to a job while it is done.

What a run needs to be repeatable is copied into its jobs. Things of other services are plain ids.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Column, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.clock import utc_now
from shared.db import TABLE_OPTIONS, BigId, UtcDateTime, service_metadata
from shared.messaging.tables import add_messaging_tables

METADATA = service_metadata()
add_messaging_tables(METADATA)


class RunsTable(SQLModel, registry=registry(metadata=METADATA)):
    """Base of this service's tables."""


class Run(RunsTable, table=True):
    __tablename__ = "runs"
    # A page of a person's own is read in its order, however much there is.
    __table_args__ = (
        Index(None, "owner_id", "id"),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "created_at", "id"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    owner_id: int = Field(sa_column=Column(BigId, nullable=False))
    pipeline_id: int = Field(sa_column=Column(BigId, nullable=False, index=True))
    # The name under which files keeps what this run uses from deletion.
    holder: str = Field(max_length=64, unique=True)
    # Computed from its jobs' states with every change of one of them (states.run_status).
    status: str = Field(default="PENDING", max_length=20)
    created_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(UtcDateTime, nullable=False)
    )
    started_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class RunFile(RunsTable, table=True):
    """An input file of a run."""

    __tablename__ = "run_files"

    run_id: int = Field(
        sa_column=Column(BigId, ForeignKey("runs.id"), primary_key=True, autoincrement=False)
    )
    file_id: int = Field(sa_column=Column(BigId, primary_key=True, autoincrement=False))


class Job(RunsTable, table=True):
    __tablename__ = "jobs"
    __table_args__ = (
        # What the sweeper looks for; all are null for almost every job.
        Index(None, "lease_expires_at"),
        Index(None, "deadline_at"),
        Index(None, "announce_at"),
        # Pages, by whose and by status: without a sort, however much there is.
        Index(None, "owner_id", "id"),
        Index(None, "owner_id", "status", "id"),
        Index(None, "status", "id"),
        # The same by date, of one owner and, for administrators, of all.
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "created_at", "id"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    run_id: int = Field(sa_column=Column(BigId, ForeignKey("runs.id"), nullable=False, index=True))
    owner_id: int = Field(sa_column=Column(BigId, nullable=False))
    parent_id: int | None = Field(default=None, sa_column=Column(BigId, index=True))
    created_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(UtcDateTime, nullable=False)
    )

    # What is to be done, as it stood when the run was made.
    task_id: int = Field(sa_column=Column(BigId, nullable=False))
    function: str = Field(sa_column=Column(Text, nullable=False))
    module: str = Field(max_length=50)
    repo_url: str = Field(sa_column=Column(Text, nullable=False))
    commit: str = Field(max_length=64)
    # JSON text of an object: the task's arguments, converted, with the defaults filled in.
    arguments: str = Field(sa_column=Column(Text, nullable=False))
    # How long the function may take, where its module says so.
    timeout_seconds: int | None = None

    # What became of it.
    status: str = Field(default="PENDING", sa_column=Column(String(20), nullable=False))
    output: str | None = Field(default=None, sa_column=Column(Text))
    # The length of the log in UTF-8; null for a job that never had one.
    log_bytes: int | None = Field(default=None, sa_column=Column(BigId))
    # Where the present backend's own text begins; what stands before it is nobody's to change.
    log_base: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    # How many bytes it had when it reached its limit; below that stand only lines of ours.
    log_cut_at: int | None = Field(default=None, sa_column=Column(BigInteger))
    # Counts how often the text was replaced by another, rather than continued.
    log_edition: int = 0
    started_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))

    # Who is doing it. The token itself is never stored; its hash outlives the lease, so that a
    # final report that is sent twice is recognised.
    attempt: int = 0
    # How many of them do not count against the limit: given back, or before a retry of the run.
    attempts_spared: int = 0
    worker: str = Field(default="", max_length=200)
    lease_hash: str | None = Field(default=None, max_length=64)
    lease_expires_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # When the lease ends although its holder is heard: it had all its time, and more.
    deadline_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))

    # Set once the parent is FINISHED: only then may the job be claimed.
    ready_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # When it is to be announced again, should nobody take it; null when it is not on offer.
    announce_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    announcements: int = 0


class JobOutput(RunsTable, table=True):
    """An output file of a job; it may also be an input that the job handed on."""

    __tablename__ = "job_outputs"

    job_id: int = Field(
        sa_column=Column(BigId, ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    )
    file_id: int = Field(sa_column=Column(BigId, primary_key=True, autoincrement=False))


class JobAttempt(RunsTable, table=True):
    """One time that somebody did a job, under a lease or without, and why it ended."""

    __tablename__ = "job_attempts"
    __table_args__ = TABLE_OPTIONS

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    job_id: int = Field(sa_column=Column(BigId, ForeignKey("jobs.id"), nullable=False, index=True))
    attempt: int
    worker: str = Field(max_length=200)
    started_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    reason: str | None = Field(default=None, sa_column=Column(Text))
    # What it left behind when the job was begun anew; until then the job itself has it.
    output: str | None = Field(default=None, sa_column=Column(Text))


class AttemptOutput(RunsTable, table=True):
    """An output file of an earlier attempt: no result of the job any more, but still the run's."""

    __tablename__ = "attempt_outputs"

    job_id: int = Field(
        sa_column=Column(BigId, ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    )
    attempt: int = Field(primary_key=True)
    file_id: int = Field(sa_column=Column(BigId, primary_key=True, autoincrement=False, index=True))


class LogChunk(RunsTable, table=True):
    """A piece of a job's log; `start` and `size` count bytes of UTF-8."""

    __tablename__ = "job_log_chunks"

    job_id: int = Field(
        sa_column=Column(BigId, ForeignKey("jobs.id"), primary_key=True, autoincrement=False)
    )
    start: int = Field(sa_column=Column(BigId, primary_key=True, autoincrement=False))
    size: int
    text: str = Field(sa_column=Column(Text, nullable=False))
    # Said by us, not by the backend, which therefore does not count it as its own.
    is_ours: bool = False


class Backend(RunsTable, table=True):
    """A backend that said it is there; it counts as present until `present_until`."""

    __tablename__ = "backends"
    __table_args__ = (UniqueConstraint("owner_id", "name"), TABLE_OPTIONS)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    # Whose token it came with.
    owner_id: int = Field(sa_column=Column(BigId, nullable=False))
    name: str = Field(max_length=200)
    # Whose jobs it may do: null is everybody's; only an administrator's backend may.
    only_owner_id: int | None = Field(sa_column=Column(BigId))
    # JSON list of names; null is every module.
    modules: str | None = Field(sa_column=Column(Text))
    # How many jobs it does at once; null when it did not say.
    jobs: int | None = Field(sa_column=Column(BigId))
    seen_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    present_until: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


class FeedPosition(RunsTable, table=True):
    """The number of the newest entry in one owner's feed.

    Its lock is held from the giving of a number to the commit, so numbers appear in their order.
    """

    __tablename__ = "feed_positions"

    owner_id: int = Field(sa_column=Column(BigId, primary_key=True, autoincrement=False))
    last: int = Field(sa_column=Column(BigId, nullable=False))
    # Entries up to this one are no longer kept.
    pruned: int = Field(default=0, sa_column=Column(BigId, nullable=False))


class FeedEntry(RunsTable, table=True):
    """One thing that changed, as it stood then; a log's bytes are in its chunks."""

    __tablename__ = "feed"
    __table_args__ = (Index(None, "run_id", "seq"), Index(None, "created_at"))

    owner_id: int = Field(sa_column=Column(BigId, primary_key=True, autoincrement=False))
    seq: int = Field(sa_column=Column(BigId, primary_key=True, autoincrement=False))
    kind: str = Field(max_length=20)
    run_id: int = Field(sa_column=Column(BigId, nullable=False))
    job_id: int | None = Field(default=None, sa_column=Column(BigId))
    status: str | None = Field(default=None, max_length=20)
    attempt: int | None = None
    start: int | None = Field(default=None, sa_column=Column(BigId))
    size: int | None = None
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class Webhook(RunsTable, table=True):
    """Where an owner wants to be told of events."""

    __tablename__ = "webhooks"
    __table_args__ = TABLE_OPTIONS

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    owner_id: int = Field(sa_column=Column(BigId, nullable=False, index=True))
    target: str = Field(sa_column=Column(Text, nullable=False))
    # JSON list of event types.
    events: str = Field(sa_column=Column(Text, nullable=False))
    description: str = Field(sa_column=Column(Text, nullable=False))
    # What deliveries are signed with; after a change also with the one before, for a while.
    secret: str = Field(max_length=100)
    old_secret: str | None = Field(default=None, max_length=100)
    old_secret_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    is_enabled: bool = True
    # Why we disabled it ourselves.
    disabled_reason: str | None = Field(default=None, sa_column=Column(Text))
    # Since when every delivery has failed; null after one that did not.
    failing_since: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # Until then one replica delivers, and no other; afterwards when it was served last.
    claimed_until: datetime = Field(
        default_factory=utc_now, sa_column=Column(UtcDateTime, nullable=False)
    )
    created_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(UtcDateTime, nullable=False)
    )


class WebhookDelivery(RunsTable, table=True):
    """One event for one webhook. No foreign key: a change must never fail for a webhook's sake."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index(None, "webhook_id", "next_try_at"), TABLE_OPTIONS)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    webhook_id: int = Field(sa_column=Column(BigId, nullable=False))
    # The event's id, the same here and on NATS, at the first try and at the last.
    message_id: str = Field(max_length=64)
    type: str = Field(max_length=100)
    body: str = Field(sa_column=Column(Text, nullable=False))
    status: str = Field(default="PENDING", max_length=20)
    attempts: int = 0
    response_status: int | None = None
    error: str | None = Field(default=None, sa_column=Column(Text))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    tried_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # Null once nothing more is tried.
    next_try_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime, index=True))


class Tombstone(RunsTable, table=True):
    """A user or a pipeline that is gone: a run being made at that moment must not outlive it."""

    __tablename__ = "tombstones"

    kind: str = Field(primary_key=True, max_length=20)
    id: int = Field(sa_column=Column("id", BigId, primary_key=True, autoincrement=False))
