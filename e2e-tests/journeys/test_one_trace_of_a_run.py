"""One run is one trace: through gateway, services, NATS and worker, to its last event."""

import asyncio
import json

import nats
from harness.collector import Collector, Seen
from harness.people import Item, People, step
from nats.errors import TimeoutError as NothingMore

from dev.stack import Stack
from dev.waiting import eventually
from shared.events.streams import EVENTS_STREAM


def test_a_run_has_one_trace_from_its_request_to_its_last_event(
    watched: Stack, collector: Collector
) -> None:
    with People(watched.url) as people:
        alice = people.register("alice")
        pipeline = alice.builds_pipeline(step("helloworld", "Greet"), step("helloworld", "Shout"))
        run = alice.runs(pipeline, [alice.uploads("ada.txt", b"Ada")])
        jobs = alice.waits_for(run)

    [started] = eventually(lambda: the_start(collector), "the gateway has told of the run")
    traces = eventually(
        lambda: traces_of_a_whole_run(watched, run, jobs), "every event of the run is there"
    )
    assert traces == {started.trace_id}
    eventually(lambda: is_whole(collector, started), "every span has its parent")
    seen = {(span.process, span.name) for span in collector.of_trace(started.trace_id)}
    # And users, should somebody have had to fetch its keys just then.
    everybody = {"gateway", "runs", "pipelines", "modules", "files", "execution"}
    assert everybody <= {process for process, _ in seen}
    assert {
        ("runs", "POST /api/v1/runs/"),
        ("execution", "carry out Greet"),
        ("execution", "carry out Shout"),
        ("runs", "POST /api/v1/jobs/{job_id}/claim/"),
        ("runs", "PATCH /api/v1/jobs/{job_id}/"),
        ("files", "POST /api/v1/files/"),
    } <= seen
    assert not any(span.attributes.get("url.path") == "/livez" for span in collector.spans)


def the_start(collector: Collector) -> list[Seen]:
    """What the gateway recorded of the request that started the run."""
    wanted = {"http.request.method": "POST", "url.path": "/api/v1/runs/"}
    spans = [span for span in list(collector.spans) if span.process == "gateway"]
    return [span for span in spans if wanted.items() <= span.attributes.items()][:1]


def is_whole(collector: Collector, started: Seen) -> bool:
    spans = collector.of_trace(started.trace_id)
    known = {span.span_id for span in spans}
    reached = {span.process for span in spans}
    return "execution" in reached and all(not s.parent_id or s.parent_id in known for s in spans)


def traces_of_a_whole_run(system: Stack, run: Item, jobs: list[Item]) -> set[str]:
    """The traces that the events of a run name; none before its last event is there."""
    subjects = {f"runs/{run['id']}", *(f"jobs/{job['id']}" for job in jobs)}
    events = [one for one in asyncio.run(all_events(system)) if one["subject"] in subjects]
    is_over = any(
        one["data"].get("status") == "FINISHED" for one in events if "runs/" in one["subject"]
    )
    return {one["trace_id"] for one in events} if is_over else set()


async def all_events(system: Stack) -> list[Item]:
    client = await nats.connect(system.environment()["MLSPLOIT_NATS_URL"])
    try:
        messages = await client.jetstream().subscribe(
            "mlsploit.events.>", stream=EVENTS_STREAM, ordered_consumer=True
        )
        events: list[Item] = []
        while True:
            try:
                message = await messages.next_msg(timeout=0.5)
            except NothingMore:
                return events
            parent = (message.headers or {}).get("traceparent", "--")
            events.append(
                {"subject": ""} | json.loads(message.data) | {"trace_id": parent.split("-")[1]}
            )
    finally:
        await client.close()
