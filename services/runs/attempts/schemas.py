"""How an attempt is shown."""

from services.runs.schemas import BEGUN, EXPIRES
from shared.openapi import Answer, JsonString, Moment, Url, example_url, shown_as


class AttemptRead(Answer):
    model_config = shown_as(
        id=3,
        job=example_url("jobs", 2),
        attempt=1,
        worker="worker-1",
        started=BEGUN,
        finished=EXPIRES,
        duration_seconds=30.0,
        reason="reported FAILED",
        output='{"accuracy": 0.1}',
        output_files=[example_url("files", 2)],
    )

    id: int
    job: Url
    # Counted from 1, and on when the run is retried.
    attempt: int
    worker: str
    started: Moment
    # Null, as the next two, while it is at work.
    finished: Moment | None
    duration_seconds: float | None
    # Why it ended.
    reason: str | None
    # Of the latest attempt: what the job itself has.
    output: JsonString | None
    output_files: list[Url]
