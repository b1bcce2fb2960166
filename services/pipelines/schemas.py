"""Bodies this service takes: the promise to its callers."""

from typing import Annotated

from shared.bodies import Body
from shared.fields import Flag, JsonText, Link, Text

Name = Text(longest=100)
Enabled = Flag(blank_form_is_absent=True)


class PipelineCreate(Body):
    name: Annotated[str, Name]
    enabled: Annotated[bool, Enabled] = False


class PipelineReplacement(Body):
    """Without `enabled`, in whatever encoding, a pipeline stays as enabled as it was."""

    name: Annotated[str, Name]
    enabled: Annotated[bool | None, Enabled] = None


class PipelineChange(Body):
    name: Annotated[str | None, Name] = None
    enabled: Annotated[bool | None, Enabled] = None


class TaskCreate(Body):
    pipeline: Annotated[int, Link(to="pipelines")]
    function: Annotated[int, Link(to="functions", null_text="Function may not be empty.")]
    arguments: Annotated[str, JsonText()] = "{}"
