"""`/openapi.json` as a client gets it: valid, whole, and exact about headers and scopes."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from harness.people import Person
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from dev.environment import ROOT
from dev.stack import Stack

PUBLIC = ("/auth/", "/api/v1/", "/media/")
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
ENCODINGS = {"application/json", *FORMS}
# What a worker does: know the modules, say that it is there, take jobs, report, hand in outputs.
OF_WORKERS = {
    *("list_modules", "read_module", "register_backend", "list_backends", "create_file"),
    *("claim_job", "renew_lease", "append_log", "release_job", "change_job", "replace_job"),
}

Json = dict[str, Any]
# Path, method, operation.
Operation = tuple[str, str, Json]


@pytest.fixture(scope="module")
def document(system: Stack) -> Json:
    found: Json = httpx.get(f"{system.url}/openapi.json").raise_for_status().json()
    return found


def operations(document: Json) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def resolved(document: Json, thing: Json) -> Json:
    if "$ref" not in thing:
        return thing
    found = document
    for part in thing["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_it_is_valid_and_of_version_3_1(document: Json) -> None:
    assert document["openapi"].startswith("3.1")
    assert [str(fault) for fault in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_it_has_every_public_operation_of_every_service(document: Json) -> None:
    promised = {
        (path, method)
        for file in sorted((ROOT / "services").glob("*/openapi.json"))
        for path, methods in json.loads(file.read_text())["paths"].items()
        for method in methods
        if path.startswith(PUBLIC)
    }
    live = {(path, method) for path, method, _ in operations(document)}

    assert len({path.split("/")[3] for path, _ in live if path.startswith("/api/v1/")}) >= 8
    assert promised - live == set()
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


def test_every_operation_names_the_scopes_that_open_it(document: Json) -> None:
    for path, method, operation in operations(document):
        scopes = [scope for one in operation["security"] for each in one.values() for scope in each]
        where = f"{method} {path}"
        assert all(":" in scope for scope in scopes), where
        if path.startswith(("/api/v1/files/", "/api/v1/runs/", "/api/v1/pipelines/")):
            right = "read" if method == "get" else "write"
            assert any(scope.endswith(f":{right}") for scope in scopes), where


def test_a_scope_that_an_operation_names_is_enough_for_it(document: Json, alice: Person) -> None:
    for path, methods in document["paths"].items():
        # The stream of events does not end; its tests are beside it.
        if "get" not in methods or "{" in path or path == "/api/v1/events/":
            continue
        for requirement in methods["get"]["security"]:
            for scope in requirement.get("Token", []):
                made = alice.asks("POST", "/auth/tokens/", json={"name": "n", "scopes": [scope]})
                headers = {"Authorization": f"Bearer {made.json()['token']}"}
                assert alice.asks("GET", path, headers=headers).status_code == 200, (path, scope)


def test_a_workers_token_opens_what_a_worker_does_and_nothing_else(
    document: Json, alice: Person
) -> None:
    body = {"name": "worker", "scopes": ["jobs:execute"]}
    token = alice.asks("POST", "/auth/tokens/", json=body).json()["token"]
    headers = {"Authorization": f"Token {token}"}

    opened = set()
    for path, method, operation in operations(document):
        # A requirement that may be left out marks what is open to everybody.
        if operation["security"] and {} not in operation["security"]:
            address = re.sub(r"\{[a-z_]+\}", "999999", path)
            answer = alice.http.request(method, address, headers=headers)
            assert answer.status_code < 500, address
            if answer.status_code != 403:
                opened.add(operation["operationId"])

    assert opened == OF_WORKERS - {"create_file"}
    blob = {"blob": ("out.txt", b"made")}
    for kind, status in (("OUTPUT", 201), ("INPUT", 403)):
        sent = alice.http.post("/api/v1/files/", headers=headers, files=blob, data={"kind": kind})
        assert sent.status_code == status


def test_headers_are_named_where_they_occur(document: Json) -> None:
    for path, method, operation in operations(document):
        for status, answer in operation["responses"].items():
            whole = resolved(document, answer)
            headers, where = whole.get("headers", {}), f"{method} {path} {status}"
            if status == "429":
                assert "Retry-After" in headers, where
                continue
            assert "X-Request-ID" in headers, where
            content = whole.get("content", {})
            if method == "get" and operation["security"] and status == "200":
                assert ("application/json" not in content) or "ETag" in headers, where
            if status == "503":
                assert "Retry-After" in headers, where
            if status == "401":
                assert "WWW-Authenticate" in headers, where
            parameters = {one["name"] for one in operation.get("parameters", ())}
            if "cursor" in parameters and status == "200":
                assert "Link" in headers, where
            shown = content.get("application/json", {}).get("example")
            if status == "201" and isinstance(shown, dict) and "url" in shown:
                assert "Location" in headers, where


def test_every_example_is_what_its_schema_says(document: Json) -> None:
    seen = 0
    for path, method, operation in operations(document):
        answers = [resolved(document, each) for each in operation["responses"].values()]
        for holder in (*answers, operation.get("requestBody", {})):
            for kind, media in holder.get("content", {}).items():
                if "example" in media and kind != "text/event-stream":
                    schema = {**media["schema"], "components": document["components"]}
                    faults = Draft202012Validator(schema).iter_errors(media["example"])
                    assert [fault.message for fault in faults] == [], f"{method} {path}"
                    seen += 1
    assert seen > 100


def test_bodies_come_in_three_encodings_with_every_way_to_be_wrong(document: Json) -> None:
    for path, method, operation in operations(document):
        if "requestBody" in operation:
            kinds = set(operation["requestBody"]["content"])
            is_upload = operation["operationId"] == "create_file"
            assert kinds >= ({"multipart/form-data"} if is_upload else ENCODINGS), (
                f"{method} {path}"
            )
            assert {"400", "413", "415", "503"} <= operation["responses"].keys(), f"{method} {path}"
