"""What the dashboard and the alert rules ask for is what a system at work tells."""

from functools import partial

import httpx
from harness.people import Person, step
from prometheus_client.parser import text_string_to_metric_families

from dev.observability import asked_by, questions_of_the_dashboard, rules
from dev.stack import Stack
from dev.waiting import eventually

APPS = ("users", "files", "modules", "pipelines", "runs", "portal")
# What Prometheus itself says of everything that it asks.
ITS_OWN = {"up"}
# Without a sample until something happens: a family tells its name, and not that of its series.
HISTOGRAM = ("_bucket", "_sum", "_count")


def test_every_series_that_is_asked_for_is_told_by_a_running_system(
    system: Stack, alice: Person
) -> None:
    questions = [*questions_of_the_dashboard(), *(rule["expr"] for rule in rules())]
    asked = {one.series for question in questions for one in asked_by(question)}
    pipeline = alice.builds_pipeline(step("helloworld", "Greet"))
    alice.waits_for(alice.runs(pipeline, [alice.uploads("name.txt", b"Ada")]))

    # What must be asked of NATS or a database is there some seconds after the start.
    for series in asked - ITS_OWN:
        eventually(partial(is_told, system, series), f"some service tells {series}")


def is_told(system: Stack, series: str) -> bool:
    return any(series in told_by(system, app) for app in APPS)


def told_by(system: Stack, app: str) -> set[str]:
    address = system.environment()[f"MLSPLOIT_{app.upper()}_URL"]
    page = httpx.get(f"{address}/metrics", trust_env=False).raise_for_status().text
    told = set()
    for family in text_string_to_metric_families(page):
        told |= {sample.name for sample in family.samples}
        if family.type == "histogram":
            told |= {family.name + suffix for suffix in HISTOGRAM}
        elif family.type == "counter":
            told.add(f"{family.name}_total")
    return told
