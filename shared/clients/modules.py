"""What others ask the modules service: functions, as much of them as a task and a job need."""

import json
from typing import Any

from pydantic import BaseModel, Field, field_validator

from shared.auth import Caller
from shared.clients.asking import ServiceClient
from shared.clients.batches import batches
from shared.hyperlinks import id_of


class OptionView(BaseModel):
    name: str
    type: str
    required: bool
    enum_values: list[str] | None = None
    default: Any = None


class FunctionView(BaseModel):
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
    async def functions(self, ids: list[int], *, caller: Caller) -> dict[int, FunctionView]:
        """Those of these functions that exist, by id."""
        found: dict[int, FunctionView] = {}
        for some in batches(sorted(set(ids))):
            rows = await self._get("/api/v1/functions/", caller, {"id": ",".join(map(str, some))})
            found |= {row["id"]: FunctionView.model_validate(row) for row in rows}
        return found
