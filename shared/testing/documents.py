"""What every service's OpenAPI document promises alike; ServiceConformance inherits it."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from shared.openapi import Document, Extra

Operation = tuple[str, Extra]


class DocumentConformance:
    async def test_its_document_is_valid(self, app: FastAPI) -> None:
        validate(app.openapi())

    async def test_every_operation_says_what_success_looks_like(self, app: FastAPI) -> None:
        for name, operation in _operations(app.openapi()):
            successes = {k: v for k, v in operation["responses"].items() if k.startswith("2")}
            assert successes, name
            for status, answer in successes.items():
                assert status == "204" or all(media["schema"] for media in _media(answer)), name
                assert status == "204" or answer.get("content"), name

    async def test_every_operation_that_wants_a_token_says_so_and_what_comes_without(
        self, app: FastAPI
    ) -> None:
        for name, operation in _operations(app.openapi()):
            wants = operation["security"] and {} not in operation["security"]
            assert bool(wants) == ("401" in operation["responses"]), name

    async def test_every_body_is_documented_with_how_it_can_be_wrong(self, app: FastAPI) -> None:
        for name, operation in _operations(app.openapi()):
            if "requestBody" in operation:
                assert {"400", "413", "415"} <= operation["responses"].keys(), name

    async def test_every_example_is_what_its_schema_describes(self, app: FastAPI) -> None:
        document = app.openapi()
        for name, operation in _operations(document):
            answers = [*operation["responses"].values(), operation.get("requestBody", {})]
            for media in (each for answer in answers for each in _media(answer)):
                if "example" in media:
                    schema = {**media["schema"], "components": document["components"]}
                    faults = Draft202012Validator(schema).iter_errors(media["example"])
                    assert not [fault.message for fault in faults], name


def _operations(document: Document) -> Iterator[Operation]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield f"{method} {path}", operation


def _media(answer: Extra) -> list[Any]:
    return list(answer.get("content", {}).values())
