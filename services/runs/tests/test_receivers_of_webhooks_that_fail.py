"""Receivers that fail: tried again, given up, and in the end not asked any more."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from sqlmodel import update

from services.runs.models import Webhook
from services.runs.settings import RunsSettings
from services.runs.testing import Api
from services.runs.webhooks.testing import Receiver, pass_time
from shared.clock import utc_now
from shared.db import Database

Deliver = Callable[[], Awaitable[None]]


async def test_a_failure_is_tried_again_later_and_later_with_the_same_id(
    api: Api, receiver: Receiver, deliver: Deliver, database: Database
) -> None:
    webhook = await api.add_webhook(receiver.url(), events=["runs.run.created.v1"])
    await api.start_run(jobs=1)
    receiver.will_answer(500, 404, 302, head=f"Location: {receiver.url('/elsewhere')}\r\n")
    pauses = []
    for status in (500, 404, 302):
        await deliver()
        [shown] = await api.deliveries(webhook)
        assert (shown["status"], shown["response_status"]) == ("PENDING", status)
        next_try, last_try = map(datetime.fromisoformat, (shown["next_try"], shown["last_try"]))
        pauses.append((next_try - last_try).total_seconds())
        await pass_time(database)

    await deliver()

    [shown] = await api.deliveries(webhook)
    assert (shown["status"], shown["attempts"], shown["next_try"]) == ("DELIVERED", 4, None)
    assert {each.path for each in receiver.received} == {"/hook"}
    assert receiver.ids == [shown["message"]] * 4
    assert pauses[0] * 2 < pauses[1] < pauses[1] * 2 < pauses[2]


async def test_one_that_is_tried_often_enough_is_given_up(
    api: Api, receiver: Receiver, deliver: Deliver, database: Database, settings: RunsSettings
) -> None:
    settings.webhook_attempts_max = 2
    webhook = await api.add_webhook(receiver.url(), events=["runs.run.created.v1"])
    await api.start_run(jobs=1)
    receiver.will_answer(500, 500)
    for _ in range(3):
        await deliver()
        await pass_time(database)

    [shown] = await api.deliveries(webhook)
    assert (shown["status"], shown["attempts"], shown["next_try"]) == ("FAILED", 2, None)


async def test_a_webhook_that_fails_for_days_is_disabled_and_says_why(
    api: Api, receiver: Receiver, deliver: Deliver, database: Database
) -> None:
    webhook = await api.add_webhook(receiver.url(), events=["runs.run.created.v1"])
    await api.start_run(jobs=1)
    receiver.will_answer(500, 500)
    await deliver()
    async with database.transaction() as session:
        await session.execute(update(Webhook).values(failing_since=utc_now() - timedelta(days=4)))
    await pass_time(database)

    await deliver()

    shown = await api.read(webhook["url"])
    assert shown["enabled"] is False
    assert shown["disabled_reason"].endswith("has failed; the last: status 500.")
    await pass_time(database)
    await deliver()
    assert len(receiver.received) == 2

    changed = await api.client.patch(webhook["url"], json={"enabled": True}, headers=api.alice)
    await deliver()

    assert (changed.json()["disabled_reason"], changed.json()["failing_since"]) == (None, None)
    assert len(receiver.received) == 3


async def test_a_receiver_that_is_gone_is_not_asked_again(
    api: Api, receiver: Receiver, deliver: Deliver
) -> None:
    webhook = await api.add_webhook(receiver.url(), events=["runs.run.created.v1"])
    await api.start_run(jobs=1)
    receiver.will_answer(410)

    await deliver()

    shown = await api.read(webhook["url"])
    assert (shown["enabled"], "410" in shown["disabled_reason"]) == (False, True)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, "no answer within 0.2 s"),
        (b"no HTTP at all\r\n\r\n", "HTTP"),
        (b"", "disconnected"),
    ],
)
async def test_a_receiver_that_makes_no_sense_is_a_failure_in_words(
    api: Api,
    receiver: Receiver,
    deliver: Deliver,
    settings: RunsSettings,
    answer: bytes | None,
    error: str,
) -> None:
    settings.webhook_timeout_seconds = 0.2 if answer is None else 60
    webhook = await api.add_webhook(receiver.url(), events=["runs.run.created.v1"])
    await api.start_run(jobs=1)
    receiver.answers.append(answer)

    await deliver()

    [shown] = await api.deliveries(webhook)
    assert (shown["status"], shown["attempts"]) == ("PENDING", 1)
    assert error in shown["error"]


async def test_the_body_of_an_answer_is_not_waited_for(
    api: Api, receiver: Receiver, deliver: Deliver
) -> None:
    webhook = await api.add_webhook(receiver.url(), events=["runs.run.created.v1"])
    await api.start_run(jobs=1)
    receiver.answers.append(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")

    await deliver()

    assert [each["status"] for each in await api.deliveries(webhook)] == ["DELIVERED"]
