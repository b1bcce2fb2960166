"""What others ask the modules service: functions, as much of them as a task and a job need."""

import json
from typing import Any

from pydantic import BaseModel, Field, field_validator

from shared.auth import Caller
from shared.clients.asking import ServiceClient
from shared.clients.batches import batches
from shared.hyperlinks import id_of

# For so long a start of a run may believe an answer without asking again; so long a change of a
# module takes at least, that nobody who was told of it is served what was before.
FUNCTIONS_BELIEVED_SECONDS = 0.1


class OptionView(BaseModel, frozen=True):
    name: str
    type: str
    required: bool
    enum_values: list[str] | None = None
    default: Any = None


class FunctionView(BaseModel, frozen=True):
    """`module`, `options` and `optional_filetypes` arrive as the contract's url and JSON texts."""

    id: int
    name: str
    module_id: int = Field(validation_alias="module")
    module_name: str
    repo_url: str
    commit: str
    options: list[OptionView]
    expected_filetype: str
    optional_filetypes: list[str]
    timeout_seconds: int | None = None

    @field_validator("module_id", mode="before")
    @classmethod
    def _id(cls, url: str) -> int:
        return id_of(url)

    @field_validator("options", "optional_filetypes", mode="before")
    @classmethod
    def _parsed(cls, text: str) -> Any:
        return json.loads(text) or []


class ModulesClient(ServiceClient):
    async def functions(
        self, ids: list[int], *, caller: Caller, seconds_old_max: float = 0
    ) -> dict[int, FunctionView]:
        """Those of these functions that exist, by id, as they were so long ago at most."""
        found: dict[int, FunctionView] = {}
        for some in batches(sorted(set(ids))):
            query = {"id": ",".join(map(str, some))}
            found |= await self._get(
                "/api/v1/functions/",
                caller,
                query,
                read=_functions_by_id,
                seconds_old_max=seconds_old_max,
            )
        return found


def _functions_by_id(rows: list[dict[str, Any]]) -> dict[int, FunctionView]:
    return {row["id"]: FunctionView.model_validate(row) for row in rows}
