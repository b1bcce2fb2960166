"""What the files service tells."""

from typing import ClassVar

from shared.events.base import Event


class FileDeleted(Event):
    type: ClassVar[str] = "files.file.deleted.v1"

    file_id: int
    owner_id: int

    def about(self) -> str:
        return f"files/{self.file_id}"
