"""The documents that the services committed make one that is valid and complete."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from gateway.portal.main import build
from gateway.portal.openapi import Document, merge
from gateway.portal.settings import PortalSettings
from gateway.portal.tests.network import SERVICES

ROOT = Path(__file__).resolve().parents[3]
ITEM_ID = re.compile(r"\{\w+_id\}")


@pytest.fixture(scope="module")
def merged() -> Document:
    own = build(PortalSettings.model_validate({"nats_url": ""})).openapi()
    committed = {
        name: json.loads((ROOT / "services" / name / "openapi.json").read_text())
        for name in SERVICES
    }
    return merge({**committed, "portal": own})


def operations(document: Document) -> list[dict[str, Any]]:
    return [each for path in document["paths"].values() for each in path.values()]


def test_the_merged_document_is_valid(merged: Document) -> None:
    validate(merged)


def test_every_operation_has_a_name_of_its_own(merged: Document) -> None:
    names = Counter(operation["operationId"] for operation in operations(merged))

    assert [name for name, count in names.items() if count > 1] == []


def test_an_upload_is_documented_as_the_form_that_it_is(merged: Document) -> None:
    body = merged["paths"]["/api/v1/files/"]["post"]["requestBody"]["content"]

    assert list(body) == ["multipart/form-data"]


def fields_of_bodies(document: Document) -> list[tuple[str, dict[str, Any]]]:
    schemas = document["components"]["schemas"]
    bodies = [
        schemas[media["schema"]["$ref"].rpartition("/")[2]]
        for operation in operations(document)
        for media in operation.get("requestBody", {}).get("content", {}).values()
        if "$ref" in media["schema"]
    ]
    return [(name, field) for body in bodies for name, field in body["properties"].items()]


def test_json_in_a_text_is_typed_into_the_page_and_not_chosen_as_a_file(merged: Document) -> None:
    fields = fields_of_bodies(merged)

    assert {"tags", "arguments", "output"} <= {name for name, _ in fields}
    # What Swagger UI takes for a file.
    assert {name for name, field in fields if "contentMediaType" in str(field)} == set()


def test_the_page_makes_up_no_link_to_begin_a_form_with(merged: Document) -> None:
    links = [each for each in fields_of_bodies(merged) if "uri-reference" in str(each[1])]

    assert {"pipeline", "function", "files", "parent_file", "owner"} <= {name for name, _ in links}
    assert [name for name, field in links if "examples" not in str(field)] == []


def test_every_other_body_may_come_in_three_encodings(merged: Document) -> None:
    bodies = [
        set(operation["requestBody"]["content"])
        for operation in operations(merged)
        if "requestBody" in operation and operation["operationId"] != "create_file"
    ]

    assert bodies
    encodings = {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}
    # A log also comes as plain text.
    assert all(body - {"text/plain"} == encodings for body in bodies)


def test_every_endpoint_of_the_original_that_is_kept_is_there_with_its_methods(
    merged: Document,
) -> None:
    page = (ROOT / "docs" / "reference" / "compatibility.md").read_text()
    rows = [
        line.split(" | ") for line in page.splitlines() if line.startswith(("| `/auth", "| `/api"))
    ]
    kept = [(path, methods) for path, methods, state, *_ in rows if "not offered" not in state]
    offered = {ITEM_ID.sub("{id}", path): each for path, each in merged["paths"].items()}

    assert len(kept) > 20
    for paths, methods in kept:
        for path in re.findall(r"`(/[^`]+)`", paths):
            assert set(methods.lower().split(", ")) <= offered[path].keys(), path
