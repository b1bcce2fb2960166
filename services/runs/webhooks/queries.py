"""Every SELECT about webhooks and their deliveries."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.models import Webhook, WebhookDelivery
from shared.db import col
from shared.errors import NotFound
from shared.paging import Orders, Page

WEBHOOK_ORDERS = Orders(
    {"id": col(Webhook.id), "date_created": col(Webhook.created_at)}, col(Webhook.created_at)
)
DELIVERY_ORDERS = Orders(
    {"id": col(WebhookDelivery.id), "date_created": col(WebhookDelivery.created_at)},
    col(WebhookDelivery.created_at),
)
DELIVERY_COLUMNS = (
    col(WebhookDelivery.id),
    col(WebhookDelivery.message_id),
    col(WebhookDelivery.type),
    col(WebhookDelivery.status),
    col(WebhookDelivery.attempts),
    col(WebhookDelivery.response_status),
    col(WebhookDelivery.error),
    col(WebhookDelivery.created_at),
    col(WebhookDelivery.tried_at),
    col(WebhookDelivery.next_try_at),
)
IS_DUE = (
    col(Webhook.is_enabled),
    col(Webhook.claimed_until) <= bindparam("now"),
    exists().where(
        col(WebhookDelivery.webhook_id) == col(Webhook.id),
        col(WebhookDelivery.next_try_at) <= bindparam("now"),
    ),
)
# Asked every other second, for ever, so built once.
DUE = select(col(Webhook.id)).where(*IS_DUE).order_by(col(Webhook.claimed_until)).limit(1)
# Asked with every event, so built once.
ENABLED = select(col(Webhook.id), col(Webhook.events)).where(
    col(Webhook.owner_id) == bindparam("owner_id"), col(Webhook.is_enabled)
)


async def list_enabled(session: AsyncSession, owner_id: int) -> Sequence[Any]:
    """(id, events) of those that an owner's events may go to."""
    return (await session.execute(ENABLED, {"owner_id": owner_id})).all()


async def list_webhooks(
    session: AsyncSession, page: Page, *, owner_id: int | None
) -> Sequence[Any]:
    statement = select(*Webhook.__table__.columns)  # type: ignore[attr-defined]  # SQLModel hides it
    if owner_id is not None:
        statement = statement.where(col(Webhook.owner_id) == owner_id)
    return page.cut((await session.execute(page.applied(statement), page.params)).all())


async def count_webhooks(session: AsyncSession, owner_id: int) -> int:
    statement = select(func.count()).where(col(Webhook.owner_id) == owner_id)
    return int((await session.scalars(statement)).one())


async def get_webhook(
    session: AsyncSession, webhook_id: int, *, owner_id: int | None, is_locked: bool = False
) -> Webhook:
    statement = select(Webhook).where(col(Webhook.id) == webhook_id)
    if is_locked:
        statement = statement.with_for_update()
    webhook = (await session.scalars(statement)).one_or_none()
    if webhook is None or owner_id not in (None, webhook.owner_id):
        raise NotFound
    return webhook


async def list_deliveries(session: AsyncSession, page: Page, *, webhook_id: int) -> Sequence[Any]:
    statement = select(*DELIVERY_COLUMNS).where(col(WebhookDelivery.webhook_id) == webhook_id)
    return page.cut((await session.execute(page.applied(statement), page.params)).all())


async def find_due_webhook(session: AsyncSession, now: datetime) -> int | None:
    """The one that has waited longest of those with something to deliver."""
    return (await session.scalars(DUE, {"now": now})).one_or_none()


async def lock_due_webhook(session: AsyncSession, now: datetime) -> Webhook | None:
    """The same, until the transaction ends; those that others have locked are passed over."""
    statement = (
        select(Webhook)
        .where(*IS_DUE)
        .order_by(col(Webhook.claimed_until))
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return (await session.scalars(statement, {"now": now})).one_or_none()


async def list_due(
    session: AsyncSession, webhook_id: int, now: datetime, *, limit: int
) -> Sequence[WebhookDelivery]:
    statement = (
        select(WebhookDelivery)
        .where(
            col(WebhookDelivery.webhook_id) == webhook_id, col(WebhookDelivery.next_try_at) <= now
        )
        .order_by(col(WebhookDelivery.id))
        .limit(limit)
    )
    return (await session.scalars(statement)).all()


def ids_of(which: ColumnElement[bool]) -> Select[Any]:
    """Of the webhooks that are meant, for use in another statement."""
    return select(col(Webhook.id)).where(which)
