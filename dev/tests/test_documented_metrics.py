"""Every metric stands in docs/reference/metrics.md, and dashboard and alerts name no other."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from dev.environment import ROOT

OBSERVABILITY = ROOT / "deploy" / "observability"
KINDS = {"Counter", "Gauge", "Histogram"}
# What a kind of metric is exported as besides its own name.
SERIES = {"Histogram": ("_bucket", "_sum", "_count"), "Counter": (), "Gauge": ()}
# Prometheus' own, and what its client library tells of every process.
OTHERS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*)\| (.+) \|$", re.MULTILINE)
NAME = re.compile(r"\b(?:mlsploit|process|python)_\w+|\bup\b")
# On label values and the names of labels nothing is asked here.
QUOTED = re.compile(r'"[^"]*"|\b(?:by|without) \([^)]*\)')

Metric = tuple[str, str, tuple[str, ...], str]


def test_the_page_of_metrics_agrees_with_the_code() -> None:
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    documented = {
        (name, kind, tuple(re.findall(r"\w+", labels)), meaning)
        for name, kind, labels, meaning in ROW.findall(page)
    }

    assert documented == set(metrics_in_code())


def test_every_metric_bears_the_systems_name() -> None:
    assert [name for name, *_ in metrics_in_code() if not name.startswith("mlsploit_")] == []


def test_the_alerts_name_metrics_that_exist_and_say_what_to_do() -> None:
    [group] = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]:
        assert named_in(rule["expr"]) - series() == set(), rule["alert"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "action"}


def test_the_dashboard_names_metrics_that_exist_and_shows_each() -> None:
    dashboard = json.loads((OBSERVABILITY / "dashboard.json").read_text())
    shown = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in named_in(target["expr"])
    }
    names = {name for name, *_ in metrics_in_code()}

    assert shown - series() == set()
    assert {name for name in names if not any(one.startswith(name) for one in shown)} == set()


def test_the_alerts_are_those_that_prometheus_is_told_of() -> None:
    configuration = yaml.safe_load((OBSERVABILITY / "prometheus.yml").read_text())
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    [scrape] = configuration["scrape_configs"]
    [names] = scrape["dns_sd_configs"]

    assert all((OBSERVABILITY / name).exists() for name in configuration["rule_files"])
    assert set(names["names"]) == {"users", "files", "modules", "pipelines", "runs", "portal"}
    assert set(names["names"]) <= set(compose)


def metrics_in_code() -> Iterator[Metric]:
    for folder in ("shared", "services", "gateway", "execution"):
        for path in (ROOT / folder).rglob("*.py"):
            if "tests" not in path.parts:
                yield from _metrics_of(ast.parse(path.read_text()))


def _metrics_of(tree: ast.Module) -> Iterator[Metric]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=kind), args=[name, meaning, *rest]) if kind in KINDS:
                labels: Any = ast.literal_eval(rest[0]) if rest else ()
                yield ast.literal_eval(name), kind, tuple(labels), ast.literal_eval(meaning)


def series() -> set[str]:
    found = set(OTHERS)
    for name, kind, *_ in metrics_in_code():
        found |= {name, *(name + suffix for suffix in SERIES[kind])}
    return found


def named_in(expression: str) -> set[str]:
    return set(NAME.findall(QUOTED.sub("", expression)))
