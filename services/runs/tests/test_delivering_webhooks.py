"""What is told to a webhook: signed, at least once, tried again, and in the end given up."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from sqlmodel import update
from standardwebhooks import Webhook as Verifier

from services.runs.models import Webhook
from services.runs.settings import RunsSettings
from services.runs.testing import Api
from services.runs.webhooks import delivering
from services.runs.webhooks.sending import Outcome, open_client
from services.runs.webhooks.testing import Receiver, pass_time
from shared.clock import utc_now
from shared.db import Database
from shared.messaging.tables import outbox
from shared.testing.fixtures import Published

Deliver = Callable[[], Awaitable[None]]

ALL = [
    "runs.job.status_changed.v1",
    "runs.run.created.v1",
    "runs.run.deleted.v1",
    "runs.run.status_changed.v1",
]


async def test_every_change_arrives_signed_as_it_is_told_on_nats(
    api: Api, receiver: Receiver, deliver: Deliver, database: Database
) -> None:
    webhook = await api.add_webhook(receiver.url("/hook?a=b"), events=ALL)
    run = await api.start_run(jobs=1)
    await api.patch(run["jobs"][0], {"status": "FINISHED"})
    await api.client.delete(run["url"], headers=api.alice)

    await deliver()

    verifier = Verifier(webhook["secret"])
    events = [verifier.verify(each.body, each.headers) for each in receiver.received]
    assert [event["type"] for event in events] == [
        "runs.run.created.v1",
        "runs.job.status_changed.v1",
        "runs.run.status_changed.v1",
        "runs.run.deleted.v1",
    ]
    assert [event["id"] for event in events] == receiver.ids
    first = receiver.received[0]
    assert first.path == "/hook?a=b"
    assert first.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert first.headers["content-type"] == "application/cloudevents+json"
    assert {each["status"] for each in await api.deliveries(webhook)} == {"DELIVERED"}


async def test_the_ids_are_those_of_the_events_on_nats(
    api: Api, receiver: Receiver, deliver: Deliver, database: Database
) -> None:
    await api.add_webhook(receiver.url(), events=ALL)
    await api.start_run(jobs=1)
    async with database.reading() as session:
        told = (await session.execute(outbox.select())).all()

    await deliver()

    bodies = {row.message_id: json.loads(row.payload) for row in told}
    assert [json.loads(each.body) for each in receiver.received] == [
        bodies[each] for each in receiver.ids
    ]
    assert receiver.ids


async def test_only_the_owners_webhooks_hear_and_only_what_they_asked_for(
    api: Api, receiver: Receiver, deliver: Deliver
) -> None:
    await api.add_webhook(receiver.url("/jobs"), events=["runs.job.status_changed.v1"])
    await api.add_webhook(receiver.url("/off"), enabled=False)
    bobs = {"target": receiver.url("/bob")}
    made = await api.client.post("/api/v1/webhooks/", json=bobs, headers=api.bob)
    assert made.status_code == 201
    run = await api.start_run(jobs=1)
    await api.patch(run["jobs"][0], {"status": "RUNNING"})

    await deliver()

    assert [each.path for each in receiver.received] == ["/jobs"]


async def test_what_a_killed_process_was_sending_is_sent_again(
    api: Api, receiver: Receiver, deliver: Deliver, database: Database, settings: RunsSettings
) -> None:
    webhook = await api.add_webhook(receiver.url(), events=["runs.run.created.v1"])
    await api.start_run(jobs=1)
    receiver.answers.append(None)
    async with open_client() as sender:
        dying = asyncio.create_task(delivering.deliver_some(database, sender, settings))
        await receiver.arrived.wait()
        dying.cancel()
        await asyncio.wait([dying])

    await deliver()
    assert len(receiver.received) == 1, "its claim still stands"
    await pass_time(database)
    await deliver()

    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    assert [each["status"] for each in await api.deliveries(webhook)] == ["DELIVERED"]


async def test_several_replicas_deliver_nothing_twice(
    api: Api, receiver: Receiver, deliver: Deliver
) -> None:
    for number in range(4):
        await api.add_webhook(receiver.url(f"/{number}"), events=ALL)
    for _ in range(4):
        await api.start_run(jobs=1)

    await asyncio.gather(*(deliver() for _ in range(4)))

    told = [(each.path, each.headers["webhook-id"]) for each in receiver.received]
    assert len(told) == len(set(told)) == 16


async def test_a_result_that_comes_after_the_claim_ended_is_not_written(
    api: Api, receiver: Receiver, database: Database, settings: RunsSettings
) -> None:
    webhook = await api.add_webhook(receiver.url(), events=["runs.run.created.v1"])
    await api.start_run(jobs=1)
    claim = await delivering._claim(database, settings)
    assert claim is not None
    await pass_time(database)

    async with database.transaction() as session:
        outcome = Outcome(status=500)
        goes_on = await delivering._note(session, claim, claim.deliveries[0], outcome, settings)

    assert goes_on is False
    assert [each["attempts"] for each in await api.deliveries(webhook)] == [0]


async def test_a_change_that_is_rolled_back_tells_nobody(
    api: Api, receiver: Receiver, published: Published
) -> None:
    webhook = await api.add_webhook(receiver.url(), events=ALL)
    run = await api.start_run(jobs=1)
    before = (await published(), await api.deliveries(webhook))

    refused = await api.patch(run["jobs"][0], {"status": "FINISHED", "output": "no JSON"})

    assert refused.status_code == 400
    assert (await published(), await api.deliveries(webhook)) == before


async def test_a_test_is_told_to_that_webhook_alone_and_not_on_nats(
    api: Api, receiver: Receiver, deliver: Deliver, published: Published
) -> None:
    webhook = await api.add_webhook(receiver.url("/one"))
    await api.add_webhook(receiver.url("/two"))

    answer = await api.client.post(f"{webhook['url']}test/", headers=api.alice)
    await deliver()

    assert (answer.status_code, answer.json()["status"]) == (202, "PENDING")
    [received] = receiver.received
    event = Verifier(webhook["secret"]).verify(received.body, received.headers)
    assert (received.path, event["type"]) == ("/one", "runs.webhook.tested.v1")
    assert event["data"] == {"webhook_id": webhook["id"], "owner_id": 1}
    assert await published() == []


async def test_after_a_change_of_the_secret_both_verify(
    api: Api, receiver: Receiver, deliver: Deliver, database: Database
) -> None:
    webhook = await api.add_webhook(receiver.url(), events=["runs.run.created.v1"])
    rotated = await api.client.post(f"{webhook['url']}rotate/", headers=api.alice)
    await api.start_run(jobs=1)
    await deliver()

    [received] = receiver.received
    for secret in (webhook["secret"], rotated.json()["secret"]):
        assert Verifier(secret).verify(received.body, received.headers)

    async with database.transaction() as session:
        await session.execute(update(Webhook).values(old_secret_until=utc_now()))
    await api.start_run(jobs=1)
    await deliver()
    assert " " not in receiver.received[1].headers["webhook-signature"]
