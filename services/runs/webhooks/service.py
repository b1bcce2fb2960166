"""The rules of webhooks: whose they are, where they may lead, and who knows their secrets."""

import asyncio
import base64
import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.runs.errors import TooManyWebhooks, WebhookDisabled
from services.runs.models import Webhook, WebhookDelivery
from services.runs.queries import any_is_gone
from services.runs.settings import RunsSettings
from services.runs.webhooks import queries, sending, telling
from services.runs.webhooks.schemas import NewWebhook, WebhookChange
from shared.addresses import AddressRefused
from shared.auth import Caller
from shared.bodies import Submission
from shared.clock import iso, utc_now
from shared.db import Database
from shared.errors import InvalidFields, Unauthenticated
from shared.hyperlinks import Hyperlinks
from shared.idempotency import keep_created
from shared.paging import Page

SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret of this kind begins with
SECRET_BYTES = 32
OLD_SECRET_HOURS = 24


async def create_webhook(
    database: Database,
    submission: Submission,
    caller: Caller,
    links: Hyperlinks,
    settings: RunsSettings,
) -> dict[str, Any]:
    """Its secret is in this answer and in no other."""
    body = submission.into(NewWebhook)
    await _judge(body.target, settings)
    webhook = Webhook(
        owner_id=caller.user_id,
        target=body.target,
        events=json.dumps(body.events),
        description=body.description,
        is_enabled=body.enabled,
        secret=_new_secret(),
    )
    async with database.transaction() as session:
        if await any_is_gone(session, ("user", caller.user_id)):
            raise Unauthenticated("Invalid token.")
        if await queries.count_webhooks(session, caller.user_id) >= settings.webhooks_per_user_max:
            raise TooManyWebhooks(settings.webhooks_per_user_max)
        session.add(webhook)
        await session.flush()
        made = {**view_webhook(webhook, links), "secret": webhook.secret}
        return await keep_created(session, made)


async def change_webhook(
    database: Database,
    webhook_id: int,
    submission: Submission,
    caller: Caller,
    links: Hyperlinks,
    settings: RunsSettings,
) -> dict[str, Any]:
    """Enabling it forgets why it was disabled."""
    async with database.reading() as session:
        await queries.get_webhook(session, webhook_id, owner_id=caller.only_owner)
    changes = submission.into(WebhookChange).changes()
    if "target" in changes:
        await _judge(changes["target"], settings)
    async with database.transaction() as session:
        webhook = await queries.get_webhook(
            session, webhook_id, owner_id=caller.only_owner, is_locked=True
        )
        _apply(webhook, changes)
        session.info[telling.TOLD] = True
    return view_webhook(webhook, links)


async def delete_webhook(session: AsyncSession, webhook_id: int, caller: Caller) -> None:
    """With its deliveries; one that is on its way just now still arrives."""
    await queries.get_webhook(session, webhook_id, owner_id=caller.only_owner, is_locked=True)
    await _delete(session, col(Webhook.id) == webhook_id)


async def delete_webhooks_of_user(session: AsyncSession, user_id: int) -> None:
    await _delete(session, col(Webhook.owner_id) == user_id)


async def rotate_secret(session: AsyncSession, webhook_id: int, caller: Caller) -> dict[str, Any]:
    """Deliveries are signed with both for a day, so that a receiver can change over at leisure."""
    webhook = await queries.get_webhook(
        session, webhook_id, owner_id=caller.only_owner, is_locked=True
    )
    until = utc_now() + timedelta(hours=OLD_SECRET_HOURS)
    webhook.old_secret, webhook.old_secret_until = webhook.secret, until
    webhook.secret = _new_secret()
    return {"secret": webhook.secret, "old_until": iso(until)}


async def test_webhook(session: AsyncSession, webhook_id: int, caller: Caller) -> dict[str, Any]:
    webhook = await queries.get_webhook(
        session, webhook_id, owner_id=caller.only_owner, is_locked=True
    )
    if not webhook.is_enabled:
        raise WebhookDisabled
    delivery = telling.tell_only(session, webhook)
    await session.flush()
    return view_delivery(delivery)


async def show_webhook(
    session: AsyncSession, webhook_id: int, caller: Caller, links: Hyperlinks
) -> dict[str, Any]:
    webhook = await queries.get_webhook(session, webhook_id, owner_id=caller.only_owner)
    return view_webhook(webhook, links)


async def show_webhooks(
    session: AsyncSession, page: Page, caller: Caller, links: Hyperlinks
) -> list[dict[str, Any]]:
    rows = await queries.list_webhooks(session, page, owner_id=caller.only_owner)
    return [view_webhook(row, links) for row in rows]


async def show_deliveries(
    session: AsyncSession, page: Page, webhook_id: int, caller: Caller
) -> list[dict[str, Any]]:
    await queries.get_webhook(session, webhook_id, owner_id=caller.only_owner)
    rows = await queries.list_deliveries(session, page, webhook_id=webhook_id)
    return [view_delivery(row) for row in rows]


def view_webhook(row: Any, links: Hyperlinks) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": links.item("webhooks", row.id),
        "owner": links.item("users", row.owner_id),
        "target": row.target,
        "events": json.loads(row.events),
        "description": row.description,
        "enabled": row.is_enabled,
        "disabled_reason": row.disabled_reason,
        "failing_since": _maybe_iso(row.failing_since),
        "date_created": iso(row.created_at),
    }


def view_delivery(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "message": row.message_id,
        "type": row.type,
        "status": row.status,
        "attempts": row.attempts,
        "response_status": row.response_status,
        "error": row.error,
        "date_created": iso(row.created_at),
        "last_try": _maybe_iso(row.tried_at),
        "next_try": _maybe_iso(row.next_try_at),
    }


def _apply(webhook: Webhook, changes: dict[str, Any]) -> None:
    webhook.target = changes.get("target", webhook.target)
    webhook.description = changes.get("description", webhook.description)
    if "events" in changes:
        webhook.events = json.dumps(changes["events"])
    if "enabled" in changes:
        webhook.is_enabled = changes["enabled"]
        webhook.disabled_reason = webhook.failing_since = None


async def _delete(session: AsyncSession, which: Any) -> None:
    ids = queries.ids_of(which)
    await session.execute(delete(WebhookDelivery).where(col(WebhookDelivery.webhook_id).in_(ids)))
    await session.execute(delete(Webhook).where(which))


async def _judge(target: str, settings: RunsSettings) -> None:
    """Again at every delivery; here so that a mistake shows at once."""
    try:
        async with asyncio.timeout(settings.webhook_timeout_seconds):
            await sending.judge(target, settings)
    except AddressRefused as refusal:
        raise InvalidFields.of_field("target", f"{str(refusal).capitalize()}.") from None
    except TimeoutError:
        raise InvalidFields.of_field("target", "Its name is not found in time.") from None


def _new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _maybe_iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
