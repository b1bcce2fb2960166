"""What an operator's tools are told of events on their way."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from shared.messaging import consumer, metrics
from shared.messaging.consumer import Subscription
from shared.testing.eventually import eventually
from shared.testing.processes import NatsServer
from shared.tests.ledger import NoteWritten, copy_note, ledger, offer, wrapped, write_notes
from shared.tests.test_hearing_events import Failing


@pytest.fixture(autouse=True)
def _measured_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MEASURE_SECONDS", 0.05)


async def scrape(app: FastAPI) -> dict[tuple[str, ...], float]:
    """Values by name and the labels' values."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://ledger") as client:
        said = (await client.get("/metrics")).text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(said)
        for sample in family.samples
    }


async def test_depth_and_lag_of_the_outbox_are_told_while_nats_is_away(
    tmp_path: Path, nats: NatsServer
) -> None:
    async with ledger(tmp_path, "ledger", nats.url) as app:
        await app.state.broker.ready.wait()
        await nats.kill()
        await write_notes(app.state.database, "one", "two")

        async def waits() -> bool:
            found = await scrape(app)
            lag = found["mlsploit_outbox_lag_seconds",]
            return found["mlsploit_outbox_messages",] == 2 and lag > 0

        await eventually(waits)
        sent_before = (await scrape(app))["mlsploit_outbox_sent_total",]
        await nats.start()

        async def is_empty() -> bool:
            found = await scrape(app)
            lag = found["mlsploit_outbox_lag_seconds",]
            return found["mlsploit_outbox_messages",] == 0 and lag == 0

        await eventually(is_empty, within=30)
        assert (await scrape(app))["mlsploit_outbox_sent_total",] == sent_before + 2
        assert (await scrape(app))["mlsploit_outbox_leader",] == 1


async def test_what_became_of_events_is_counted(
    tmp_path: Path, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "DELIVERIES_MAX", 2)
    good = Subscription("good", NoteWritten, copy_note)
    bad = Subscription("bad", NoteWritten, Failing(times=100))
    payload = wrapped("note")
    async with ledger(tmp_path, "measured", nats.url, subscriptions=[good, bad]) as app:

        async def are_counted() -> bool:
            found = await scrape(app)
            outcomes = {
                key[1:]: value for key, value in found.items() if key[0] == "mlsploit_events_total"
            }
            return (
                outcomes.get(("measured-good", "handled")) == 1
                and outcomes.get(("measured-good", "repeated")) == 1
                and outcomes.get(("measured-bad", "put_off")) == 2
                and outcomes.get(("measured-bad", "buried")) == 2
                and found["mlsploit_dead_letters",] == 2
                and found["mlsploit_consumer_pending", "measured-good"] == 0
                and found["mlsploit_consumer_unacknowledged", "measured-bad"] == 0
            )

        await offer(app, nats.url, payload, payload)
        await eventually(are_counted)


async def test_events_that_wait_for_a_slow_handler_are_told(
    tmp_path: Path, nats: NatsServer
) -> None:
    slow = Subscription("slow", NoteWritten, Failing(times=100))
    async with ledger(tmp_path, "slow", nats.url, subscriptions=[slow]) as app:

        async def are_put_off() -> bool:
            found = await scrape(app)
            return found.get(("mlsploit_consumer_unacknowledged", "slow-slow")) == 3

        await offer(app, nats.url, wrapped("a"), wrapped("b"), wrapped("c"))
        await eventually(are_put_off)
