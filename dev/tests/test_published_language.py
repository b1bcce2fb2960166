"""What is said over NATS is published, the publication is true, and nothing of it is taken back."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from dev.events import (
    FOLDER,
    HOW_TO_MEND,
    SAMPLES,
    documents,
    event_types,
    find_taken_back,
    is_sampled_whole,
    schema_of,
    taken_back,
    written,
)
from shared.events.base import Event

TYPES = {event.type: event for event in event_types()}
SAMPLE_FILES = sorted(SAMPLES.glob("*/*.json"))


def test_what_is_committed_is_what_the_code_says() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}

    assert committed == {name: written(each) for name, each in documents().items()}, HOW_TO_MEND


def test_nothing_that_was_published_of_a_version_is_taken_back() -> None:
    assert find_taken_back() == [], "within a version events only grow: give the event a new one"


@pytest.mark.parametrize("event", TYPES.values(), ids=list(TYPES))
def test_every_event_has_a_sample_with_all_that_it_can_say(event: type[Event]) -> None:
    assert is_sampled_whole(event), HOW_TO_MEND


@pytest.mark.parametrize("path", SAMPLE_FILES, ids=lambda path: f"{path.parent.name} {path.stem}")
def test_a_sample_is_understood_for_ever_and_to_the_last_value(path: Path) -> None:
    event = TYPES[path.parent.name]
    sample = json.loads(path.read_text(encoding="utf-8"))

    event_id, parsed = event.parse(path.read_bytes())

    assert event_id == sample["id"]
    # What an event no longer knows would be missing here.
    said = parsed.model_dump(mode="json")
    assert {name: said.get(name) for name in sample["data"]} == sample["data"]
    Draft202012Validator(schema_of(event), format_checker=FormatChecker()).validate(sample)


@pytest.mark.parametrize("name", [name for name in documents() if name != "asyncapi.json"])
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(documents()[name])


def test_a_message_of_another_kind_does_not_fit_the_schema() -> None:
    sample = json.loads((SAMPLES / "users.user.deleted.v1" / "0.1.0.json").read_text())
    judge = Draft202012Validator(schema_of(TYPES["users.user.deleted.v1"]))

    assert judge.is_valid(sample)
    assert not judge.is_valid({**sample, "type": "users.user.registered.v1"})
    assert not judge.is_valid({**sample, "data": {}})
    assert judge.is_valid({**sample, "data": {**sample["data"], "new": 1}, "traceparent": "00"})


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = documents()["asyncapi.json"]
    references = list(_references(document))

    assert references
    for reference in references:
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_the_asyncapi_document_has_every_event_on_its_subject() -> None:
    channels = documents()["asyncapi.json"]["channels"]
    addresses = {name: channel["address"] for name, channel in channels.items()}

    jobs = {"runs.job.ready.v1": "mlsploit.jobs.{module}"}
    letters = {"dead-letter": "mlsploit.dead.{service}.{subscription}"}
    assert addresses == {name: each.subject() for name, each in TYPES.items()} | jobs | letters


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        mine = [node["$ref"]] if "$ref" in node else []
        return mine + [one for value in node.values() for one in _references(value)]
    if isinstance(node, list):
        return [one for value in node for one in _references(value)]
    return []


OLD = {
    "properties": {"id": {"type": "integer"}, "status": {"enum": ["A", "B"]}},
    "required": ["id"],
}


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"note": {"type": "string"}}, []),
        ({"status": {"enum": ["A", "B", "C"]}}, []),
        ({"status": {"enum": ["A"]}}, ["status cannot be ['B'] any more"]),
        ({"id": {"type": "string"}}, ["id: type was integer, is string"]),
        ({"id": None}, ["id is gone"]),
    ],
)
def test_a_change_may_add_and_must_not_take_back(
    changes: dict[str, Any], faults: list[str]
) -> None:
    properties = {**OLD["properties"], **changes}  # type: ignore[dict-item]
    kept = {name: schema for name, schema in properties.items() if schema is not None}

    assert list(taken_back(OLD, {**OLD, "properties": kept})) == faults


def test_what_was_optional_must_not_become_required() -> None:
    assert list(taken_back(OLD, {**OLD, "required": ["id", "status"]})) == [
        "status is required now"
    ]
