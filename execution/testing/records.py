"""What the stand-in of the gateway keeps."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class StoredFile:
    id: int
    url: str
    name: str
    content: bytes
    tags: dict[str, Any]
    kind: str = "INPUT"
    owner: str = ""
    parent: str | None = None


@dataclass
class StoredJob:
    id: int
    module: dict[str, str]
    function: str
    options: dict[str, Any] = field(default_factory=dict)
    files: list[StoredFile] = field(default_factory=list)
    timeout_seconds: float | None = None
    status: str = "PENDING"
    logs: str = ""
    output: str | None = None
    output_files: list[str] = field(default_factory=list)
    lease: str | None = None
    attempt: int = 0
    worker: str = ""
    heartbeats: int = 0
    history: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.status in ("FINISHED", "FAILED", "CANCELED")
