"""What a backend says of itself, and how it is shown."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from services.runs.schemas import BEGUN, WORKER_CHARACTERS_MAX
from shared.bodies import Body
from shared.fields import Field, Number, Text, refuse
from shared.openapi import Answer, Moment, Url, example_url, shown_as

MODULES_MAX = 1000
MODULE_NAME = Text(longest=100)


@dataclass(frozen=True, kw_only=True)
class Names(Field):
    """Several names, each once, in alphabetical order."""

    is_list: ClassVar[bool] = True

    def parse(self, value: Any) -> list[str]:
        if not isinstance(value, list):
            refuse(f'Expected a list of items but got type "{type(value).__name__}".')
        if len(value) > MODULES_MAX:
            refuse(f"Ensure this field has no more than {MODULES_MAX} elements.")
        return sorted({MODULE_NAME.parse(item) for item in value})

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": MODULE_NAME.json_schema(), "maxItems": MODULES_MAX}


class BackendReport(Body):
    """Without `modules` it is there, and does nothing: also what it says when it goes."""

    model_config = shown_as(name="worker-1", modules=["digits"], jobs=2)

    name: Annotated[str, Text(longest=WORKER_CHARACTERS_MAX)]
    modules: Annotated[list[str], Names()] = []
    jobs: Annotated[int, Number()] = 1


class BackendRead(Answer):
    model_config = shown_as(
        id=1,
        owner=example_url("users"),
        name="worker-1",
        modules=["digits"],
        jobs=2,
        seconds=30,
        seen=BEGUN,
    )

    id: int
    owner: Url
    name: str
    # Null: every module. So are backends shown that poll for jobs and never say what they do.
    modules: list[str] | None
    jobs: int | None
    # It counts as present for so long after it was seen.
    seconds: float
    seen: Moment
