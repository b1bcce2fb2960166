"""What a project's databases hold, and whether its stream of events says the same."""

import asyncio
import csv
import importlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from chaos.records import Told, events

from compose.commands import docker
from compose.load import Tally
from compose.project import ComposeProject
from dev.environment import read_settings
from shared.messaging.leader import LOCK

SERVICES = ("users", "files", "modules", "pipelines", "runs")


def rows(project: ComposeProject, database: str, query: str) -> list[dict[str, str]]:
    [postgres] = project.containers("postgres")
    psql = ("psql", "--username=postgres", f"--dbname={database}", "--csv", "--command", query)
    return list(csv.DictReader(io.StringIO(docker("exec", postgres, *psql))))


def leaders(project: ComposeProject) -> Counter[str]:
    """How many sessions lead the relay of each database."""
    held = (
        "SELECT datname, objid FROM pg_locks JOIN pg_database ON pg_database.oid = database "
        "WHERE locktype = 'advisory' AND granted"
    )
    found = rows(project, "postgres", held)
    return Counter(row["datname"] for row in found if row["objid"] == str(LOCK))


def nats_url(project: ComposeProject, who: str) -> str:
    """Where NATS is, with somebody's name and password."""
    [container] = project.containers("nats")
    networks = json.loads(docker("inspect", container))[0]["NetworkSettings"]["Networks"]
    [address] = [network["IPAddress"] for network in networks.values()]
    password = read_settings(project.folder, {})[f"MLSPLOIT_NATS_{who.upper()}_PASSWORD"]
    return f"nats://{who}:{password}@{address}:4222"


def told(project: ComposeProject) -> list[Told]:
    return asyncio.run(events(nats_url(project, "runs")))


def waiting(project: ComposeProject) -> dict[str, int]:
    """Messages in the outbox of each service that has any."""
    found = {name: len(rows(project, name, "SELECT position FROM outbox")) for name in SERVICES}
    return {name: messages for name, messages in found.items() if messages}


def unheard(project: ComposeProject, said: Sequence[Told]) -> list[str]:
    """Events of the stream that a subscription has not handled."""
    missing = []
    for service in SERVICES:
        handled = {
            (row["subscription"], row["event_id"])
            for row in rows(project, service, "SELECT subscription, event_id FROM processed_events")
        }
        for subscription in _subscriptions(service):
            wanted = {event.id for event in said if event.type == subscription.event.type}
            missing += [
                f"{service}: {subscription.name} has not handled {event_id}"
                for event_id in wanted - {e for name, e in handled if name == subscription.name}
            ]
    return missing


def _subscriptions(service: str) -> tuple[Any, ...]:
    try:
        consumers = importlib.import_module(f"services.{service}.consumers")
    except ModuleNotFoundError:
        return ()
    found: tuple[Any, ...] = consumers.SUBSCRIPTIONS
    return found


def disagreements(
    project: ComposeProject, tally: Tally, said: Sequence[Told], owner: int
) -> Iterator[str]:
    """What the clients were told, the databases and the stream: each in the others' light."""
    yield from (f"event {e} is told {n} times" for e, n in _doubled(event.id for event in said))
    gone = set(tally.deleted_pipelines)
    made = [e for e in said if e.type == "runs.run.created.v1" and e.data["owner_id"] == owner]
    with_pipeline = {e.data["run_id"] for e in made if e.data["pipeline_id"] in gone}
    ended = {*tally.deleted_runs, *with_pipeline}
    expected = {
        "runs.run.created.v1": ("run_id", set(tally.runs)),
        "runs.run.deleted.v1": ("run_id", ended),
        "pipelines.pipeline.deleted.v1": ("pipeline_id", gone),
    }
    for kind, (key, ids) in expected.items():
        found = [e.data[key] for e in said if e.type == kind and e.data["owner_id"] == owner]
        yield from (f"{kind} of {i} is told {n} times" for i, n in _doubled(found))
        yield from (f"{kind} of {i} is lost" for i in ids - set(found))
        yield from (f"{kind} of {i} is told, and nobody was" for i in set(found) - ids)
    holds = {
        "runs": set(tally.runs) - ended,
        "pipelines": set(tally.pipelines) - gone,
        "files": set(tally.files),
    }
    for table, ids in holds.items():
        found = rows(project, table, f"TABLE {table}")
        there = {int(row["id"]) for row in found if row["owner_id"] == str(owner)}
        if there != ids:
            yield f"{table}: {sorted(ids - there)} missing, {sorted(there - ids)} too many"


def _doubled(ids: Any) -> list[tuple[Any, int]]:
    return [(one, times) for one, times in Counter(ids).items() if times > 1]
