"""Delivers what is due, for ever: each webhook by one replica at a time, oldest first.

A webhook is claimed for a while, served, and let go. A process that is killed in between leaves a
claim that ends, and whatever it had not noted as delivered is sent again with the same id: at least
once. Invariant: a result is written only while the claim under which it was sent still stands.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import structlog
from fastapi import FastAPI
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from services.runs.models import Webhook, WebhookDelivery
from services.runs.settings import RunsSettings
from services.runs.webhooks import queries, sending
from services.runs.webhooks.sending import GONE, Outcome
from services.runs.webhooks.telling import TOLD
from shared.clock import utc_now
from shared.db import Database

DELIVERIES_PER_CLAIM = 5
RETRY_FACTOR = 4
RETRY_SECONDS_MAX = 12 * 3600
# So that what failed together is not tried again together.
JITTER = 0.1
PAUSE_SECONDS_MAX = RETRY_SECONDS_MAX * (1 + JITTER)
PRUNE_SECONDS = 600

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Claim:
    webhook: Webhook
    until: datetime
    deliveries: Sequence[WebhookDelivery]


async def deliver_webhooks(app: FastAPI) -> None:
    """As many webhooks at a time as there are senders; a commit here wakes them."""
    database: Database = app.state.database
    settings: RunsSettings = app.state.settings
    told = asyncio.Event()

    def hear_commit(session: AsyncSession) -> None:
        if session.info.get(TOLD):
            told.set()

    database.on_commit.append(hear_commit)
    try:
        async with sending.open_client() as client, asyncio.TaskGroup() as senders:
            for _ in range(settings.webhook_senders):
                senders.create_task(_serve_for_ever(database, client, settings, told))
            senders.create_task(_look_for_ever(database, settings, told))
    finally:
        database.on_commit.remove(hear_commit)


async def _serve_for_ever(
    database: Database, client: httpx.AsyncClient, settings: RunsSettings, told: asyncio.Event
) -> None:
    while True:
        told.clear()
        while await deliver_some(database, client, settings):
            pass
        await told.wait()


async def _look_for_ever(database: Database, settings: RunsSettings, told: asyncio.Event) -> None:
    """For all senders: what is due by the clock, or was put down by another replica."""
    while True:
        await asyncio.sleep(settings.webhook_look_seconds)
        async with database.reading() as session:
            if await queries.find_due_webhook(session, utc_now()) is not None:
                told.set()


async def prune_deliveries(app: FastAPI) -> None:
    settings: RunsSettings = app.state.settings
    while True:
        before = utc_now() - timedelta(days=settings.webhook_log_days)
        async with app.state.database.transaction() as session:
            old = col(WebhookDelivery.created_at) < before
            await session.execute(delete(WebhookDelivery).where(old))
        await asyncio.sleep(PRUNE_SECONDS)


async def deliver_some(
    database: Database, client: httpx.AsyncClient, settings: RunsSettings
) -> bool:
    """Serve one webhook that has something due; says whether there was one."""
    claim = await _claim(database, settings)
    if claim is None:
        return False
    for delivery in claim.deliveries:
        outcome = await sending.send(client, claim.webhook, delivery, settings)
        async with database.transaction() as session:
            goes_on = await _note(session, claim, delivery, outcome, settings)
        if not goes_on:
            break
    async with database.transaction() as session:
        webhook = await session.get(Webhook, claim.webhook.id, with_for_update=True)
        if webhook is not None and webhook.claimed_until == claim.until:
            webhook.claimed_until = utc_now()
    return True


def claim_seconds(settings: RunsSettings) -> float:
    return (DELIVERIES_PER_CLAIM + 1) * settings.webhook_timeout_seconds


async def _claim(database: Database, settings: RunsSettings) -> Claim | None:
    # A look costs no writer its turn.
    async with database.reading() as session:
        if await queries.find_due_webhook(session, utc_now()) is None:
            return None
    async with database.transaction() as session:
        now = utc_now()
        webhook = await queries.lock_due_webhook(session, now)
        if webhook is None:
            return None
        webhook.claimed_until = now + timedelta(seconds=claim_seconds(settings))
        due = await queries.list_due(session, webhook.id or 0, now, limit=DELIVERIES_PER_CLAIM)
        return Claim(webhook, webhook.claimed_until, due)


async def _note(
    session: AsyncSession,
    claim: Claim,
    sent: WebhookDelivery,
    outcome: Outcome,
    settings: RunsSettings,
) -> bool:
    """Write down what became of a try; whether the next one is to be made at once."""
    webhook = await session.get(Webhook, claim.webhook.id, with_for_update=True)
    delivery = await session.get(WebhookDelivery, sent.id)
    if webhook is None or delivery is None or webhook.claimed_until != claim.until:
        return False
    delivery.attempts += 1
    delivery.tried_at = now = utc_now()
    delivery.response_status, delivery.error = outcome.status, outcome.fault
    if outcome.is_delivered:
        delivery.status, delivery.next_try_at = "DELIVERED", None
        webhook.failing_since = None
        return webhook.is_enabled
    if delivery.attempts >= settings.webhook_attempts_max:
        delivery.status, delivery.next_try_at = "FAILED", None
    else:
        delivery.next_try_at = now + _pause(delivery.attempts, settings)
    _note_failure(webhook, outcome, now, settings)
    return False


def _note_failure(
    webhook: Webhook, outcome: Outcome, now: datetime, settings: RunsSettings
) -> None:
    webhook.failing_since = webhook.failing_since or now
    days = settings.webhook_failing_days_max
    if outcome.status == GONE:
        webhook.disabled_reason = "The receiver answered 410: it is gone."
    elif now - webhook.failing_since > timedelta(days=days):
        last = f"the last: {outcome.fault}"
        webhook.disabled_reason = f"Every delivery of {days} days has failed; {last}."
    if webhook.disabled_reason is not None:
        webhook.is_enabled = False
        log.warning("webhook_disabled", webhook=webhook.id, reason=webhook.disabled_reason)


def _pause(attempts: int, settings: RunsSettings) -> timedelta:
    seconds = settings.webhook_retry_seconds * RETRY_FACTOR ** (attempts - 1)
    jitter = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - nothing here is secret
    return timedelta(seconds=min(seconds, RETRY_SECONDS_MAX) * jitter)
