"""Writes the published language to `docs/reference/events/`: `make events`.

One JSON Schema per event and an AsyncAPI 3 document of everything that travels over NATS; and, for
a release that has none yet, a sample of each event, which must be understood for ever after.
Invariant: what was published of a version is never taken back; what would do so is not written.
"""

import importlib
import json
import pkgutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import shared.events
from dev.asyncapi import asyncapi_of
from dev.environment import ROOT
from shared.events.base import Envelope, Event
from shared.events.dead_letters import DeadLetterHeaders

FOLDER = ROOT / "docs" / "reference" / "events"
SAMPLES = ROOT / "shared" / "events" / "samples"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
HOW_TO_MEND = "run `make events` and commit what it writes"
# What a sample says where the kind of value leaves a choice.
SAMPLE_VALUES: Mapping[str, Any] = {
    "commit": "0f3c8e1b5d7a92c4e6f80b1d3a5c7e9f12345678",
    "function": "Greet",
    "holder": "9b2f4c6d8e0a41c3b5d7f9e1a2c4e6f8",
    "module": "helloworld",
    "name": "helloworld",
    "options": {"greeting": "Hello"},
    "repo_url": "https://example.org/helloworld.git",
    "username": "ada",
}

Schema = dict[str, Any]


def event_types() -> list[type[Event]]:
    """Every event that the modules of shared/events define, by type."""
    for module in pkgutil.iter_modules(shared.events.__path__, "shared.events."):
        importlib.import_module(module.name)
    ours = [e for e in Event.__subclasses__() if e.__module__.startswith("shared.events.")]
    return sorted(ours, key=lambda event: event.type)


def schema_of(event: type[Event]) -> Schema:
    """The whole message: the CloudEvents envelope with this event's data."""
    envelope = Envelope.model_json_schema()
    properties = envelope["properties"] | {
        "type": {"const": event.type},
        "source": {"const": event.origin()},
        "data": event.model_json_schema(),
    }
    return {
        "$schema": DRAFT,
        "title": event.__name__,
        "description": (event.__doc__ or f"`{event.type}`").strip(),
        "type": "object",
        # `subject` is the only one that an event may lack.
        "required": sorted(set(properties) - {"subject"}),
        "properties": properties,
    }


def headers_schema() -> Schema:
    return {"$schema": DRAFT, **DeadLetterHeaders.model_json_schema()}


def documents() -> dict[str, Schema]:
    """By file name."""
    schemas = {event.type: schema_of(event) for event in event_types()}
    headers = headers_schema()
    return {
        **{f"{name}.json": schema for name, schema in schemas.items()},
        "dead-letter-headers.json": headers,
        "asyncapi.json": asyncapi_of(event_types(), schemas, headers, release()),
    }


def written(document: Schema) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def release() -> str:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def taken_back(old: Schema, new: Schema, place: str = "") -> Iterator[str]:
    """What was promised by the old schema and is not by the new one, in words."""
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before:
        where = f"{place}.{name}".lstrip(".")
        if name in after:
            yield from taken_back(before[name], after[name], where)
        else:
            yield f"{where} is gone"
    for name in set(new.get("required", ())) - set(old.get("required", ())):
        yield f"{place}.{name} is required now".lstrip(".")
    for keyword in ("type", "const", "format", "items", "anyOf", "additionalProperties"):
        if old.get(keyword) != new.get(keyword):
            yield f"{place}: {keyword} was {old.get(keyword)}, is {new.get(keyword)}"
    if lost := [value for value in old.get("enum", ()) if value not in new.get("enum", ())]:
        yield f"{place} cannot be {lost} any more"


def find_taken_back() -> list[str]:
    """Compared with what is committed; a whole file that is missing was an event once, too."""
    documents_now = documents()
    found = []
    for path in sorted(FOLDER.glob("*.v*.json")):
        new = documents_now.get(path.name)
        faults = ["is gone"] if new is None else taken_back(json.loads(path.read_text()), new)
        found += [f"{path.stem}: {fault}" for fault in faults]
    return found


def sample_of(event: type[Event]) -> Schema:
    """A made-up message, the same each time."""
    properties = event.model_json_schema()["properties"]
    data = {name: _sample_value(name, schema) for name, schema in properties.items()}
    envelope = event.model_validate(data).envelope()
    fixed = {"id": "5c1e0d5e-5f0c-4a55-9d2c-3f3f6c1c6f0b", "time": "2026-11-23T16:35:50.501938Z"}
    said: Schema = json.loads(envelope.payload())
    return said | fixed


def _sample_value(name: str, schema: Schema) -> Any:
    if name in SAMPLE_VALUES:
        return SAMPLE_VALUES[name]
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema and schema.get("type") != "array":
        return schema["default"]
    of_kind = {"integer": 7, "string": name, "boolean": True, "number": 1.5, "array": [7, 8]}
    return of_kind[schema["type"]]


def newest_sample(event: type[Event]) -> Schema | None:
    paths = sorted((SAMPLES / event.type).glob("*.json"))
    return json.loads(paths[-1].read_text()) if paths else None


def is_sampled_whole(event: type[Event]) -> bool:
    """Whether the newest sample has every property that the event has today."""
    sample = newest_sample(event)
    return sample is not None and set(event.model_fields) <= set(sample["data"])


def _add_sample(event: type[Event]) -> None:
    """Samples stay as they are; one of a release that has grown since gets a successor."""
    folder = SAMPLES / event.type
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob(f"{release()}*.json")))
    name = f"{release()}+{number}" if number else release()
    (folder / f"{name}.json").write_text(written(sample_of(event)), encoding="utf-8")


def main() -> int:
    if faults := find_taken_back():
        print("\n".join(faults), file=sys.stderr)
        print("Within a version events only grow: give the event a new one.", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, document in documents().items():
        (FOLDER / name).write_text(written(document), encoding="utf-8")
    for event in event_types():
        if not is_sampled_whole(event):
            _add_sample(event)
    return 0


if __name__ == "__main__":
    sys.exit(main())
