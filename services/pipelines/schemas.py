"""Bodies this service takes and gives: the promise to its callers."""

from typing import Annotated, Any

from shared.bodies import Body
from shared.fields import Flag, JsonText, Link, Text
from shared.openapi import Answer, JsonString, Moment, Url, example_url, shown_as

NAME_CHARACTERS_MAX = 100
Name = Text(longest=NAME_CHARACTERS_MAX)
NO_ARGUMENTS = "{}"
Enabled = Flag(blank_form_is_absent=True)


class PipelineCreate(Body):
    model_config = shown_as(name="attack", enabled=True)

    name: Annotated[str, Name]
    enabled: Annotated[bool, Enabled] = False


class PipelineReplacement(Body):
    """Without `enabled`, in whatever encoding, a pipeline stays as enabled as it was."""

    model_config = shown_as(name="attack", enabled=True)

    name: Annotated[str, Name]
    enabled: Annotated[bool | None, Enabled] = None


class PipelineChange(Body):
    model_config = shown_as(enabled=True)

    name: Annotated[str | None, Name] = None
    enabled: Annotated[bool | None, Enabled] = None


class PipelineClone(Body):
    """Without a name, the clone is called as its original, with `(copy)` behind it."""

    model_config = shown_as(name="attack again")

    name: Annotated[str | None, Name] = None


class TaskCreate(Body):
    model_config = shown_as(
        pipeline=example_url("pipelines"),
        function=example_url("functions"),
        arguments='{"epsilon": 0.1}',
    )

    pipeline: Annotated[int, Link(to="pipelines")]
    function: Annotated[int, Link(to="functions", null_text="Function may not be empty.")]
    arguments: Annotated[str, JsonText()] = NO_ARGUMENTS


TASK: dict[str, Any] = {
    "id": 1,
    "url": example_url("tasks"),
    "function": example_url("functions"),
    "arguments": '{"epsilon": 0.1}',
    "order": 1,
}
CREATED = "2026-11-23T16:35:50.501938Z"


class TaskInPipeline(Answer):
    model_config = shown_as(**TASK)

    id: int
    url: Url
    # Null once the function is gone.
    function: Url | None
    arguments: JsonString
    order: int


class TaskRead(Answer):
    model_config = shown_as(
        **TASK,
        owner=example_url("users"),
        pipeline=example_url("pipelines"),
        date_created=CREATED,
    )

    id: int
    url: Url
    owner: Url
    pipeline: Url
    function: Url | None
    arguments: JsonString
    order: int
    date_created: Moment


class PipelineRead(Answer):
    """A token narrowed to scopes sees `runs` only with `runs:read`."""

    model_config = shown_as(
        ["runs"],
        id=1,
        url=example_url("pipelines"),
        name="attack",
        owner=example_url("users"),
        tasks=[TASK],
        runs=[example_url("runs")],
        enabled=True,
        date_created=CREATED,
    )

    id: int
    url: Url
    name: str
    owner: Url
    tasks: list[TaskInPipeline]
    runs: list[Url]
    enabled: bool
    date_created: Moment
