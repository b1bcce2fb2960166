"""Every metric stands in docs/reference/metrics.md, and dashboard and alerts name no other."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from dev.environment import ROOT
from dev.observability import OBSERVABILITY, Asked, asked_by, questions_of_the_dashboard, rules

KINDS = {"Counter", "Gauge", "Histogram"}
# Behind a metric's name, what Prometheus calls its series.
SERIES = {"Histogram": ("_bucket", "_sum", "_count"), "Counter": ("",), "Gauge": ("",)}
# Prometheus' own, and what its client library tells of every process.
OTHERS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*)\| (.+) \|$", re.MULTILINE)
# What Prometheus adds to each series it collects (prometheus.yml), and its histograms have.
SCRAPED = {"job", "instance", "service"}
BOUND = "le"
IN_WORDS = re.compile(r"\$labels\.(\w+)")

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


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_what_there_is_and_says_what_to_do(rule: dict[str, Any]) -> None:
    asked = list(asked_by(rule["expr"]))
    words = rule["annotations"]
    known = set().union(*(one.labels | labels_of(one.series) for one in asked))

    assert [one for one in asked if is_unknown(one)] == []
    assert set(IN_WORDS.findall(str(words))) - known == set()
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(words) == {"summary", "action"}


@pytest.mark.parametrize("question", questions_of_the_dashboard())
def test_a_panel_asks_for_what_there_is(question: str) -> None:
    assert [one for one in asked_by(question) if is_unknown(one)] == []


def test_the_dashboard_shows_every_metric() -> None:
    shown = {one.series for question in questions_of_the_dashboard() for one in asked_by(question)}
    names = {name for name, *_ in metrics_in_code()}

    assert {name for name in names if not any(one.startswith(name) for one in shown)} == set()


def test_the_alerts_are_those_that_prometheus_is_told_of() -> None:
    configuration = yaml.safe_load((OBSERVABILITY / "prometheus.yml").read_text())
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    [scrape] = configuration["scrape_configs"]
    [names] = scrape["dns_sd_configs"]

    assert all((OBSERVABILITY / name).exists() for name in configuration["rule_files"])
    assert set(names["names"]) == {"users", "files", "modules", "pipelines", "runs", "portal"}
    assert set(names["names"]) <= set(compose)


@cache
def metrics_in_code() -> tuple[Metric, ...]:
    return tuple(
        metric
        for folder in ("shared", "services", "gateway", "execution")
        for path in (ROOT / folder).rglob("*.py")
        if "tests" not in path.parts
        for metric in _metrics_of(ast.parse(path.read_text()))
    )


def _metrics_of(tree: ast.Module) -> Iterator[Metric]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=kind), args=[name, meaning, *rest]) if kind in KINDS:
                labels: Any = ast.literal_eval(rest[0]) if rest else ()
                yield ast.literal_eval(name), kind, tuple(labels), ast.literal_eval(meaning)


def is_unknown(asked: Asked) -> bool:
    """Whether nobody tells such a series, or not with those labels."""
    known = labels_of(asked.series)
    return not known or not asked.labels <= known


def labels_of(series: str) -> set[str]:
    """All that it may have; none at all, not even those of Prometheus, when there is none."""
    if series in OTHERS:
        return SCRAPED
    for name, kind, labels, _ in metrics_in_code():
        if series in {name + suffix for suffix in SERIES[kind]}:
            return {*labels, *SCRAPED, *([BOUND] if series.endswith("_bucket") else [])}
    return set()
