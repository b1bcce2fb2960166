"""CloudEvents 1.0 (structured JSON mode) around a typed payload.

An event class names its `type`, `<context>.<entity>.<what>.v<n>`; the NATS subject is the same
without the version, so a listener hears every version and judges by `type`.
"""

from datetime import datetime
from typing import Any, ClassVar, Literal, Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from shared.clock import utc_now

SUBJECT_PREFIX = "mlsploit.events."


class Envelope(BaseModel):
    """https://github.com/cloudevents/spec, version 1.0; further attributes pass."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(default_factory=lambda: str(uuid4()))
    source: str
    type: str
    subject: str | None = None
    time: datetime = Field(default_factory=utc_now)
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, Any]

    def payload(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()


class Event(BaseModel):
    """A fact, in the past tense, owned by its producer."""

    model_config = ConfigDict(frozen=True)

    type: ClassVar[str]

    def about(self) -> str | None:
        """The CloudEvents `subject`: the thing this is about, e.g. `runs/7`."""
        return None

    @classmethod
    def subject(cls) -> str:
        """Where it is published: `mlsploit.events.runs.run.created`."""
        return SUBJECT_PREFIX + cls.type.rpartition(".v")[0]

    @classmethod
    def origin(cls) -> str:
        """The CloudEvents `source`: the service that says it."""
        return f"/mlsploit/{cls.type.partition('.')[0]}"

    def envelope(self) -> Envelope:
        return Envelope(
            source=self.origin(),
            type=self.type,
            subject=self.about(),
            data=self.model_dump(mode="json"),
        )

    @classmethod
    def parse(cls, payload: bytes) -> tuple[str, Self]:
        """The event's id and the event; ValidationError when it is no such event."""
        envelope = Envelope.model_validate_json(payload)
        if envelope.type != cls.type:
            raise ValueError(f"expected {cls.type}, got {envelope.type}")
        return envelope.id, cls.model_validate(envelope.data)
