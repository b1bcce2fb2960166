"""What stands in the headers of a dead letter: an event that a service could never digest.

Its payload is the event as it came, which may be anything: that is often the reason.
"""

from collections.abc import Mapping
from typing import Self

from nats.aio.msg import Msg
from pydantic import BaseModel, ConfigDict, Field

DEAD_LETTERS_PREFIX = "mlsploit.dead."
REASON_CHARACTERS_MAX = 2000


def dead_letters_subject(service: str, subscription: str) -> str:
    return f"{DEAD_LETTERS_PREFIX}{service}.{subscription}"


class DeadLetterHeaders(BaseModel):
    """Why an event was given up, where it came from, and after how many tries."""

    model_config = ConfigDict(populate_by_name=True)

    reason: str = Field(alias="Mlsploit-Reason", description="In one line of plain characters.")
    subject: str = Field(alias="Mlsploit-Subject", description="Where the event was published.")
    event_id: str = Field("", alias="Mlsploit-Event-Id", description="As its publisher gave it.")
    tries: int = Field(1, alias="Mlsploit-Tries", ge=1)

    def as_headers(self) -> dict[str, str]:
        plain = self.reason.encode("ascii", "backslashreplace").decode()
        headers = self.model_dump(by_alias=True) | {
            "Mlsploit-Reason": " ".join(plain.split())[:REASON_CHARACTERS_MAX]
        }
        return {name: str(value) for name, value in headers.items()}

    @classmethod
    def about(cls, message: Msg, reason: str) -> Self:
        return cls(
            reason=reason,
            subject=message.subject,
            event_id=(message.headers or {}).get("Nats-Msg-Id", ""),
            tries=message.metadata.num_delivered or 1,
        )

    @classmethod
    def of(cls, headers: Mapping[str, str] | None) -> Self:
        return cls.model_validate(dict(headers or {}))
