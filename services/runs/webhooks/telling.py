"""An event is told on NATS and put down for its owner's webhooks, all in the change's transaction.

So a delivery exists exactly when its event does, whether NATS is there or not.
"""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.models import Webhook, WebhookDelivery
from services.runs.webhooks import queries
from shared.clock import utc_now
from shared.events.base import Envelope, Event
from shared.events.runs import JobStatusChanged, RunCreated, RunDeleted, RunStatusChanged
from shared.messaging.outbox import enqueue

EVENT_TYPES = tuple(
    sorted(event.type for event in (RunCreated, RunStatusChanged, RunDeleted, JobStatusChanged))
)
# Set on a session's `info`, so that its commit wakes those who deliver.
TOLD = "webhooks_told"
_LISTENING = "webhooks_listening"


class WebhookTested(Event):
    """Somebody asked to see whether deliveries arrive; goes to one webhook and not to NATS."""

    type: ClassVar[str] = "runs.webhook.tested.v1"

    webhook_id: int
    owner_id: int

    def about(self) -> str:
        return f"webhooks/{self.webhook_id}"


async def tell(
    session: AsyncSession, event: RunCreated | RunStatusChanged | RunDeleted | JobStatusChanged
) -> None:
    envelope = event.envelope()
    await enqueue(session, event.subject(), envelope.payload(), message_id=envelope.id)
    for webhook in await _listening(session, event.owner_id):
        if event.type in json.loads(webhook.events):
            put_down(session, webhook.id, envelope)


async def _listening(session: AsyncSession, owner_id: int) -> Sequence[Any]:
    """The owner's webhooks, asked for once in a transaction however much it has to tell."""
    known: dict[int, Sequence[Any]] = session.info.setdefault(_LISTENING, {})
    if owner_id not in known:
        known[owner_id] = await queries.list_enabled(session, owner_id)
    return known[owner_id]


def tell_only(session: AsyncSession, webhook: Webhook) -> WebhookDelivery:
    """A test: told to this one webhook, and not on NATS."""
    event = WebhookTested(webhook_id=webhook.id or 0, owner_id=webhook.owner_id)
    return put_down(session, webhook.id or 0, event.envelope())


def put_down(session: AsyncSession, webhook_id: int, envelope: Envelope) -> WebhookDelivery:
    now = utc_now()
    delivery = WebhookDelivery(
        webhook_id=webhook_id,
        message_id=envelope.id,
        type=envelope.type,
        body=envelope.payload().decode(),
        created_at=now,
        next_try_at=now,
    )
    session.add(delivery)
    session.info[TOLD] = True
    return delivery
