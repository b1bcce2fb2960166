"""A doctor's lines about services, NATS, the gateway and workers, and what they say to do."""

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import nats as nats_client
import pytest

from deploy.doctor import gateway, services, workers
from deploy.doctor.streams import check_streams
from deploy.doctor.surroundings import Surroundings
from deploy.doctor.verdicts import Grade, Verdict
from dev.ports import free_ports
from shared.events.streams import EVENTS_STREAM, STREAMS
from shared.messaging.broker import Broker
from shared.testing.processes import NatsServer

METRICS = (
    "mlsploit_outbox_messages 2\nmlsploit_outbox_lag_seconds {lag}\nmlsploit_dead_letters {dead}\n"
)
TOKEN = "a worker's"


@dataclass
class Answering:
    """A server on a socket that says what a test wants to hear."""

    url: str
    bodies: dict[str, tuple[int, str]] = field(default_factory=dict)
    date: datetime | None = None

    def says(self, path: str, body: object, status: int = 200) -> Surroundings:
        self.bodies[path] = (status, body if isinstance(body, str) else json.dumps(body))
        names = ("GATEWAY", "USERS", "FILES", "RUNS")
        environ = {f"MLSPLOIT_{name}_URL": self.url for name in names}
        return Surroundings.of(environ | {"MLSPLOIT_WORKER_TOKEN": TOKEN})


@pytest.fixture
def server() -> Iterator[Answering]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = playing.bodies.get(self.path, (404, ""))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def date_time_string(self, _timestamp: float | None = None) -> str:
            return format_datetime(playing.date or datetime.now(UTC), usegmt=True)

        def log_message(self, *arguments: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        playing = Answering(f"http://127.0.0.1:{listening.server_port}")
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield playing
        listening.shutdown()
        thread.join()


def expect(verdict: Verdict, grade: Grade, said: str, remedy: str = "") -> None:
    assert verdict.grade is grade, verdict
    assert said in str(verdict)
    assert remedy in verdict.remedy


def nobody() -> Surroundings:
    url = f"http://127.0.0.1:{next(free_ports())}"
    return Surroundings.of({"MLSPLOIT_GATEWAY_URL": url, "MLSPLOIT_FILES_URL": url})


def test_a_service_behind_a_closed_port_is_to_be_started() -> None:
    verdict = services.check_ready(nobody(), "files")

    expect(
        verdict, Grade.FAULT, "/readyz does not answer", "Start it; why it ended is in data/logs"
    )


@pytest.mark.parametrize(
    ("failing", "remedy"),
    [("database", "Start its database"), ("nats", "Start NATS"), ("storage", "Make room")],
)
def test_what_a_service_says_is_missing_is_repeated(
    failing: str, remedy: str, server: Answering
) -> None:
    checks = {"database": "ok", "nats": "ok", failing: "failed: No space"}
    there = server.says("/readyz", {"status": "unready", "checks": checks}, 503)

    expect(services.check_ready(there, "files"), Grade.FAULT, f"{failing} failed: No space", remedy)


def test_a_service_that_is_ready_is_ok_and_another_program_is_none(server: Answering) -> None:
    there = server.says("/readyz", {"status": "ready", "checks": {"nats": "ok"}})
    expect(services.check_ready(there, "files"), Grade.OK, "nats ok")

    there = server.says("/readyz", "<html>")
    expect(services.check_ready(there, "files"), Grade.FAULT, "no service", "MLSPLOIT_FILES_URL")


def test_events_that_do_not_leave_and_those_given_up_are_told(server: Answering) -> None:
    there = server.says("/metrics", METRICS.format(lag=0, dead=0))
    expect(services.check_events(there, "runs"), Grade.OK, "2 wait")

    there = server.says("/metrics", METRICS.format(lag=90, dead=0))
    expect(services.check_events(there, "runs"), Grade.FAULT, "for 90 s", "do not get to NATS")

    there = server.says("/metrics", METRICS.format(lag=0, dead=3))
    expect(services.check_events(there, "runs"), Grade.WARNING, "3 given up", "replaydead runs")


def test_a_gateway_that_refuses_our_name_for_it_is_to_be_told_of_it(server: Answering) -> None:
    expect(gateway.check_health(nobody()), Grade.FAULT, "does not answer", "Start it")

    there = server.says("/healthz", {"detail": "Invalid host"}, 400)
    expect(gateway.check_health(there), Grade.FAULT, "127.0.0.1", "MLSPLOIT_API_ALLOWED_HOSTS")


def test_a_way_that_leads_nowhere_is_told_from_a_service_that_wants_a_token(
    server: Answering,
) -> None:
    there = server.says("/api/v1/runs/", {"detail": "No credentials"}, 401)
    server.says("/api/v1/files/", {"detail": "Come again"}, 503)

    expect(gateway.check_route(there, "runs"), Grade.OK, "answers 401")
    expect(gateway.check_route(there, "files"), Grade.FAULT, "503", "the line about files")
    expect(gateway.check_route(there, "modules"), Grade.FAULT, "404", "restart modules")


def test_a_signer_without_keys_is_at_fault(server: Answering) -> None:
    there = server.says("/auth/jwks.json", {"keys": []})
    expect(gateway.check_signer(there), Grade.FAULT, "none at", "MLSPLOIT_USERS_URL")

    there = server.says("/auth/jwks.json", {"keys": [{"kid": "1"}]})
    expect(gateway.check_signer(there), Grade.OK, "1 at")


@pytest.mark.parametrize(
    ("minutes", "grade"), [(0, Grade.OK), (0.5, Grade.WARNING), (9, Grade.FAULT)]
)
@pytest.mark.parametrize("direction", [1, -1])
def test_a_clock_that_is_wrong_is_told_by_how_much(
    minutes: float, grade: Grade, direction: int, server: Answering
) -> None:
    there = server.says("/healthz", {"status": "ready"})
    server.date = datetime.now(UTC) + direction * timedelta(minutes=minutes)

    expect(gateway.check_clock(there), grade, "s from the gateway's", "NTP" if minutes else "")


def test_modules_that_no_worker_serves_are_named(server: Answering) -> None:
    server.says("/api/v1/modules/", [{"name": "digits"}, {"name": "cats"}])

    there = server.says("/api/v1/backends/", [])
    expect(workers.check_workers(there), Grade.FAULT, "none is there", "start a worker")

    there = server.says("/api/v1/backends/", [{"modules": ["digits"]}])
    expect(workers.check_workers(there), Grade.WARNING, "nobody serves cats", "MLSPLOIT_MODULES")

    there = server.says("/api/v1/backends/", [{"modules": ["digits"]}, {"modules": None}])
    expect(workers.check_workers(there), Grade.OK, "2 present")


def test_a_worker_without_a_token_or_with_a_bad_one_needs_another(server: Answering) -> None:
    expect(workers.check_workers(nobody()), Grade.FAULT, "no token", "createworkertoken")

    there = server.says("/api/v1/modules/", {"detail": "Invalid token."}, 401)
    server.says("/api/v1/backends/", {"detail": "Invalid token."}, 401)
    expect(workers.check_workers(there), Grade.FAULT, "is refused (401)", "createworkertoken")


def test_nats_that_is_away_is_one_line() -> None:
    [verdict] = check_streams(f"nats://127.0.0.1:{next(free_ports())}", 1)

    expect(verdict, Grade.FAULT, "NATS: does not let us in", "Start NATS")


async def test_streams_that_are_missing_or_otherwise_are_told(nats: NatsServer) -> None:
    missing = await asyncio.to_thread(check_streams, nats.url, 1)
    client = await nats_client.connect(nats.url)
    events = STREAMS[0].evolve(max_bytes=1_000_000, num_replicas=1)
    await client.jetstream().add_stream(events)
    broker = Broker(nats.url, "tests")
    await broker.connect()
    other = await asyncio.to_thread(check_streams, nats.url, 1)
    await client.jetstream().update_stream(events.evolve(subjects=["mlsploit.events.runs.>"]))
    narrower = await asyncio.to_thread(check_streams, nats.url, 3)
    await broker.close()
    await client.close()

    assert len(missing) == len(STREAMS)
    for verdict in missing:
        expect(verdict, Grade.FAULT, "is missing", "Restart a service")
    expect(other[0], Grade.WARNING, "max_bytes is 1000000, not", "if you chose so")
    assert [verdict.grade for verdict in other[1:]] == [Grade.OK] * 3, other
    expect(narrower[0], Grade.FAULT, f"stream {EVENTS_STREAM}: subjects is", "cannot work")
    expect(narrower[1], Grade.WARNING, "has 1 replicas", "spreadstreams")
