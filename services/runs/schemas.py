"""Bodies this service takes: the promise to its callers."""

from typing import Annotated, Literal

from services.runs.states import REPORTABLE
from shared.bodies import Body
from shared.fields import Choice, JsonText, Link, Links, Number, Text

WORKER_CHARACTERS_MAX = 200

Lease = Annotated[str, Text(longest=200)]
Status = Literal["PENDING", "QUEUED", "RUNNING", "FAILED", "FINISHED"]


class NewRun(Body):
    pipeline: Annotated[int, Link(to="pipelines")]
    files: Annotated[list[int], Links(to="files")]


class NewRunForm(NewRun):
    """A form cannot say an empty list, so leaving `files` out means one."""

    files: Annotated[list[int], Links(to="files")] = []


class JobReport(Body):
    """PATCH and PUT alike: what is left out stays as it is."""

    status: Annotated[Status | None, Choice(options=REPORTABLE)] = None
    output: Annotated[
        str | None, JsonText(nullable=True, blank=True, blank_form_is_absent=False)
    ] = None
    output_files: Annotated[list[int], Links(to="files")] = []
    logs: Annotated[str | None, Text(nullable=True, blank=True, trim=False)] = None
    lease: Annotated[str | None, Text(longest=200, nullable=True)] = None


class ClaimRequest(Body):
    worker: Annotated[str, Text(longest=WORKER_CHARACTERS_MAX, blank=True)] = ""


class Heartbeat(Body):
    lease: Lease


class LogAppend(Body):
    """`offset` counts the bytes of UTF-8 that stand before this text."""

    lease: Lease
    offset: Annotated[int, Number()]
    text: Annotated[str, Text(blank=True, trim=False)]


class Release(Body):
    lease: Lease
    reason: Annotated[str, Text(longest=1000, blank=True)] = ""
