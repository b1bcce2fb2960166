"""What the gateway hands out: the parts a worker relies on; unknown fields are ignored."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, PositiveFloat, StringConstraints

# Names and commits become folder names and git arguments: nothing else may pass.
ModuleName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,50}$")]
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]


class ModuleVersion(BaseModel, frozen=True):
    """A module at one commit: what is checked out, installed and run."""

    name: ModuleName
    repo_url: str
    commit: Commit

    @property
    def key(self) -> str:
        return f"{self.name}-{self.commit}"

    def __str__(self) -> str:
        return f"{self.name} at {self.commit[:10]}"


class InputFile(BaseModel, frozen=True):
    id: int
    url: str
    name: str
    blob_url: str
    size: int
    sha256: str
    tags: dict[str, Any] = {}


class Lease(BaseModel, frozen=True):
    """The right to report on a job, for `seconds` from the last heartbeat."""

    token: str
    attempt: int
    seconds: float


class ClaimedJob(BaseModel, frozen=True):
    id: int
    # How long an earlier attempt's log is: this one's is appended to it.
    log_bytes: Annotated[int, BeforeValidator(lambda size: size or 0)] = 0


class Claim(BaseModel, frozen=True):
    """Everything needed to carry a job out."""

    job: ClaimedJob
    lease: Lease
    module: ModuleVersion
    function: str
    options: dict[str, Any]
    timeout_seconds: float | None = None
    owner: str
    files: list[InputFile]

    @property
    def work(self) -> tuple[object, ...]:
        """What is to be done: the same in every attempt."""
        inputs = [(file.id, file.name, file.sha256) for file in self.files]
        return self.module, self.function, self.options, inputs


class Presence(BaseModel, frozen=True):
    """For how long a worker counts as present after it has said so."""

    seconds: PositiveFloat
