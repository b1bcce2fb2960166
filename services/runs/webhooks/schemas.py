"""What a webhook is made of, and how it and its deliveries are shown."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from services.runs.schemas import BEGUN, EXPIRES
from services.runs.webhooks.telling import EVENT_TYPES
from shared.bodies import Body
from shared.events.runs import JobStatusChanged, RunStatusChanged
from shared.fields import Choice, Field, Flag, Text, refuse
from shared.openapi import Answer, Moment, Url, example_url, shown_as

TARGET = "https://example.org/hooks/mlsploit"
SECRET = "whsec_ZXhhbXBsZSBvbmx5LCBub3QgYSByZWFsIHNlY3JldCE="  # noqa: S105 - an example
DEFAULT_TYPES = sorted((RunStatusChanged.type, JobStatusChanged.type))
EVENT_TYPE = Choice(options=EVENT_TYPES)


@dataclass(frozen=True, kw_only=True)
class EventTypes(Field):
    """At least one of those that there are, each once."""

    is_list: ClassVar[bool] = True

    def parse(self, value: Any) -> list[str]:
        if not isinstance(value, list):
            refuse(f'Expected a list of items but got type "{type(value).__name__}".')
        if not value:
            refuse("This list may not be empty.")
        return sorted({EVENT_TYPE.parse(item) for item in value})

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": EVENT_TYPE.json_schema(), "minItems": 1}


Target = Annotated[str, Text(longest=2000)]
Description = Annotated[str, Text(longest=1000, blank=True)]


class NewWebhook(Body):
    model_config = shown_as(target=TARGET, events=DEFAULT_TYPES, description="dashboard")

    target: Target
    events: Annotated[list[str], EventTypes()] = DEFAULT_TYPES
    description: Description = ""
    enabled: Annotated[bool, Flag()] = True


class WebhookChange(Body):
    model_config = shown_as(enabled=False)

    target: Target = ""
    events: Annotated[list[str], EventTypes()] = []
    description: Description = ""
    enabled: Annotated[bool, Flag()] = True


SHOWN: dict[str, Any] = {
    "id": 1,
    "url": example_url("webhooks"),
    "owner": example_url("users"),
    "target": TARGET,
    "events": DEFAULT_TYPES,
    "description": "dashboard",
    "enabled": False,
    "disabled_reason": "Every delivery of 3 days has failed; the last: status 503.",
    "failing_since": BEGUN,
    "date_created": BEGUN,
}


class WebhookRead(Answer):
    model_config = shown_as(**SHOWN)

    id: int
    url: Url
    owner: Url
    target: str
    events: list[str]
    description: str
    enabled: bool
    # Why it was disabled by the system rather than by its owner.
    disabled_reason: str | None
    # Since when every delivery has failed.
    failing_since: Moment | None
    date_created: Moment


class WebhookMade(WebhookRead):
    """The secret is shown here and never again."""

    model_config = shown_as(**SHOWN, secret=SECRET)

    secret: str


class WebhookSecret(Answer):
    model_config = shown_as(secret=SECRET, old_until=EXPIRES)

    secret: str
    # Until then deliveries are signed with the one before, too.
    old_until: Moment


class DeliveryRead(Answer):
    model_config = shown_as(
        id=1,
        message="6f0f6a52-3b0f-4a58-8d0c-4b1c2d8f5a11",
        type=RunStatusChanged.type,
        status="PENDING",
        attempts=1,
        response_status=503,
        error="status 503",
        date_created=BEGUN,
        last_try=BEGUN,
        next_try=EXPIRES,
    )

    id: int
    # The event's id, and the header `webhook-id` of every try.
    message: str
    type: str
    status: Literal["PENDING", "DELIVERED", "FAILED"]
    attempts: int
    response_status: int | None
    error: str | None
    date_created: Moment
    last_try: Moment | None
    next_try: Moment | None
