"""What the pipelines service tells."""

from typing import ClassVar

from shared.events.base import Event


class PipelineDeleted(Event):
    """Its runs go, with their jobs and output files."""

    type: ClassVar[str] = "pipelines.pipeline.deleted.v1"

    pipeline_id: int
    owner_id: int

    def about(self) -> str:
        return f"pipelines/{self.pipeline_id}"
