"""What others ask the runs service."""

from shared.auth import Caller
from shared.clients.asking import ServiceClient
from shared.clients.batches import batches


class RunsClient(ServiceClient):
    async def ids_by_pipeline(
        self, pipeline_ids: list[int], *, caller: Caller
    ) -> dict[int, list[int]]:
        """Run ids, oldest first, for each of the pipelines that has any."""
        found: dict[int, list[int]] = {}
        for some in batches(pipeline_ids):
            query = {"pipeline": ",".join(map(str, some))}
            for pipeline_id, run_id in await self._get("/internal/runs/", caller, query):
                found.setdefault(pipeline_id, []).append(run_id)
        return found

    async def holder_exists(self, holder: str, *, caller: Caller) -> bool:
        """Whether a run was made under this key; a key without one holds nothing."""
        answer = await self._get("/internal/holders/", caller, {"holder": holder})
        return bool(answer["exists"])
