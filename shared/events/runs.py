"""What the runs service tells, and the message that offers a ready job to backends."""

from typing import Any, ClassVar, Literal

from shared.events.base import Event

JOBS_SUBJECT_PREFIX = "mlsploit.jobs."

RunStatus = Literal["PENDING", "RUNNING", "FINISHED", "FAILED", "CANCELED"]
JobStatus = Literal["PENDING", "QUEUED", "RUNNING", "FINISHED", "FAILED", "CANCELED"]


class RunCreated(Event):
    """`holder` is the name under which files keeps this run's input files from deletion."""

    type: ClassVar[str] = "runs.run.created.v1"

    run_id: int
    owner_id: int
    pipeline_id: int
    job_ids: list[int]
    file_ids: list[int]
    holder: str

    def about(self) -> str:
        return f"runs/{self.run_id}"


class RunStatusChanged(Event):
    type: ClassVar[str] = "runs.run.status_changed.v1"

    run_id: int
    owner_id: int
    status: RunStatus

    def about(self) -> str:
        return f"runs/{self.run_id}"


class RunDeleted(Event):
    """Its output files go, and what it held is free again."""

    type: ClassVar[str] = "runs.run.deleted.v1"

    run_id: int
    owner_id: int
    holder: str
    output_file_ids: list[int]

    def about(self) -> str:
        return f"runs/{self.run_id}"


class JobStatusChanged(Event):
    """With the output files that the job lists at that moment."""

    type: ClassVar[str] = "runs.job.status_changed.v1"

    job_id: int
    run_id: int
    owner_id: int
    status: JobStatus
    attempt: int
    output_file_ids: list[int] = []

    def about(self) -> str:
        return f"jobs/{self.job_id}"


class JobOutputsChanged(Event):
    """The job lists other output files than before, in the state that it is in."""

    type: ClassVar[str] = "runs.job.outputs_changed.v1"

    job_id: int
    run_id: int
    owner_id: int
    output_file_ids: list[int]

    def about(self) -> str:
        return f"jobs/{self.job_id}"


class JobReady(Event):
    """Offered on `mlsploit.jobs.<module>`; whoever claims it first over HTTP does it."""

    type: ClassVar[str] = "runs.job.ready.v1"

    job_id: int
    run_id: int
    owner_id: int
    attempt: int
    module: str
    repo_url: str
    commit: str
    function: str
    options: dict[str, Any]
    input_file_ids: list[int]

    def about(self) -> str:
        return f"jobs/{self.job_id}"

    def offer_subject(self) -> str:
        return JOBS_SUBJECT_PREFIX + self.module
