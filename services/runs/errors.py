"""What this service refuses by name."""

from collections.abc import Sequence
from typing import Any

from fastapi import Request
from starlette.responses import PlainTextResponse, Response

from shared.errors import ApiError, Conflict, Forbidden


class AdministratorsStartNoRuns(Forbidden):
    detail = "Administrators own no pipelines, so they start no runs."


class LeaseRequired(Forbidden):
    """A token that may only execute jobs reports what it has claimed, nothing else."""

    detail = "A report with this token names its lease."


class NotClaimable(Conflict):
    """Somebody else has the job, or there is nothing to be done about it now."""


class StaleLease(Conflict):
    detail = "The lease is not the job's current one; report nothing more."


class NotYoursToBegin(Conflict):
    """Plain text, because the original backend reads no status: it begins whatever it may not, and
    only an answer that is no JSON ends its task before the module runs."""


async def render_in_plain_text(_request: Request, error: Exception) -> Response:
    assert isinstance(error, NotYoursToBegin)
    return PlainTextResponse(error.detail, error.status)


class IllegalStep(Conflict):
    def __init__(self, current: str, wanted: str):
        super().__init__(f"A job that is {current} cannot become {wanted}.")


class InputGone(Conflict):
    def __init__(self, file_ids: Sequence[int]):
        super().__init__(f"Input files are gone: {', '.join(map(str, file_ids))}.")


class NothingToRetry(Conflict):
    def __init__(self, status: str):
        super().__init__(f"The run is {status}; only one that FAILED or was CANCELED is retried.")


class RunEnded(Conflict):
    """Canceling it would say that work was stopped which had come to its end."""

    def __init__(self, status: str):
        super().__init__(f"The run is {status}; it stays that way.")


class ResultInUse(Conflict):
    detail = "The result was already taken by the next job; it stays as it is."


class LogGap(Conflict):
    """`offset` tells where the stored log ends: go on from there."""

    def __init__(self, offset: int):
        self.offset = offset
        super().__init__(f"The log has {offset} bytes; go on from there.")

    def body(self) -> dict[str, Any]:
        return {**super().body(), "offset": self.offset}


class TooManyStreams(ApiError):
    status = 429
    detail = "You have too many open streams; close one, or try again later."

    def __init__(self, *, retry_after_seconds: int):
        super().__init__(headers={"Retry-After": str(retry_after_seconds)})


class TooManyWebhooks(Conflict):
    def __init__(self, count_max: int):
        super().__init__(f"You have {count_max} webhooks; that is the most.")


class WebhookDisabled(Conflict):
    detail = "The webhook is disabled; enable it first."
