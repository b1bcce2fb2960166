"""What others ask the pipelines service."""

from pydantic import BaseModel, Field, field_validator

from shared.auth import Caller
from shared.clients.asking import PeerRefused, ServiceClient
from shared.clients.batches import batches
from shared.hyperlinks import id_of


class TaskView(BaseModel, frozen=True):
    id: int
    function_id: int | None = Field(validation_alias="function")
    arguments: str

    @field_validator("function_id", mode="before")
    @classmethod
    def _id(cls, url: str | None) -> int | None:
        return None if url is None else id_of(url)


class PipelineView(BaseModel, frozen=True):
    """Tasks stand in their order."""

    id: int
    name: str
    enabled: bool
    tasks: list[TaskView]


class PipelinesClient(ServiceClient):
    async def find_pipeline(self, pipeline_id: int, *, caller: Caller) -> PipelineView | None:
        """None when there is no such pipeline, or not for this caller."""
        # Not all fields: `runs` would make pipelines ask the runs service in turn.
        query = {"fields": "id,name,enabled,tasks"}
        try:
            found: PipelineView = await self._get(
                f"/api/v1/pipelines/{pipeline_id}/", caller, query, read=PipelineView.model_validate
            )
        except PeerRefused as refusal:
            if refusal.status == 404:
                return None
            raise
        return found

    async def ids_by_owner(self, owner_ids: list[int], *, caller: Caller) -> dict[int, list[int]]:
        """Pipeline ids, ascending, for each of the owners that has any."""
        found: dict[int, list[int]] = {}
        for some in batches(owner_ids):
            query = {"owner": ",".join(map(str, some)), "fields": "id,owner"}
            for row in await self._get("/api/v1/pipelines/", caller, query):
                found.setdefault(id_of(row["owner"]), []).append(row["id"])
        return found
