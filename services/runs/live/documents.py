"""What the API's document says of the stream."""

from typing import Any

from services.runs.errors import TooManyStreams
from shared.openapi import JSON_TYPE, SCHEMA, example_url

_EXAMPLE = f"""\
event: hello
id: 41
retry: 1000
data: {{"owner":"{example_url("users")}","position":41,"heartbeat_seconds":15.0}}

event: job
id: 42
data: {{"id":1,"url":"{example_url("jobs")}","run":"{example_url("runs")}","status":"RUNNING",\
"attempt":1,"date":"2026-11-23T16:35:50.501938Z"}}

event: log
id: 43
data: {{"id":1,"url":"{example_url("jobs")}","run":"{example_url("runs")}",\
"date":"2026-11-23T16:35:51.104411Z","offset":0,"text":"epoch 1\\n"}}

: ping

"""
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": (
            "Events `hello`, `reset`, `run`, `run_deleted`, `job`, `log` and `end`; a comment when "
            "there is no news. Each `data` is a JSON object."
        ),
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    },
    404: {"description": "There is no such run, or you may not see the owner's changes."},
    429: {
        "description": TooManyStreams.detail,
        "headers": {"Retry-After": {"schema": {"type": "string"}}},
        "content": {
            JSON_TYPE: {
                "schema": {"$ref": f"{SCHEMA}Detail"},
                "example": {"detail": TooManyStreams.detail},
            }
        },
    },
}
