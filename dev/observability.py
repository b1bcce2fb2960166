"""What the dashboard and the alert rules ask Prometheus, read by a parser of its language.

A misspelt name or label is no error there: the panel stays empty, and the alert never comes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import promql_parser
import yaml

from dev.environment import ROOT

OBSERVABILITY = ROOT / "deploy" / "observability"
# What Grafana puts in before it asks.
GRAFANAS = {"$__rate_interval": "5m", "$service": ".*"}


@dataclass(frozen=True)
class Asked:
    """One series of a question, with every label that the question counts on."""

    series: str
    labels: frozenset[str]


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def questions_of_the_dashboard() -> list[str]:
    return list(_questions())


def _questions() -> Iterator[str]:
    for panel in json.loads((OBSERVABILITY / "dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            question = target["expr"]
            for variable, value in GRAFANAS.items():
                question = question.replace(variable, value)
            yield question


def asked_by(question: str) -> Iterator[Asked]:
    """ValueError for what Prometheus would not understand."""
    yield from _asked(promql_parser.parse(question))


def _asked(node: Any) -> Iterator[Asked]:
    match node:
        case promql_parser.VectorSelector(name=str(name), matchers=found):
            yield Asked(name, frozenset(matcher.name for matcher in found.matchers))
        case promql_parser.MatrixSelector(vector_selector=inner):
            yield from _asked(inner)
        case promql_parser.AggregateExpr(expr=inner, modifier=modifier):
            by = frozenset(modifier.labels if modifier else ())
            yield from (replace(one, labels=one.labels | by) for one in _asked(inner))
        case promql_parser.BinaryExpr(lhs=left, rhs=right):
            yield from _asked(left)
            yield from _asked(right)
        case promql_parser.Call(args=arguments):
            for argument in arguments:
                yield from _asked(argument)
        case promql_parser.ParenExpr(expr=inner) | promql_parser.UnaryExpr(expr=inner):
            yield from _asked(inner)
        case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
            return
        case _:
            raise NotImplementedError(f"nobody has said what {type(node).__name__} asks")
