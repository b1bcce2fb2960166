"""Every answer that a test of a service meets is one that its OpenAPI document promises.

So the document is held against all that the tests do, not against what somebody thought to check.
"""

from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from starlette.routing import compile_path

from shared.openapi import Document

# Answers of the edge and of the framework around all routes; no operation lists them.
AROUND = frozenset({301, 308, 405, 500})


class Promises:
    """An httpx hook for answers; fails the test that meets one which the document lacks."""

    def __init__(self, app: FastAPI):
        self._document: Document = app.openapi()
        self._paths = [(compile_path(path)[0], path) for path in self._document["paths"]]
        self._validator = cache(self._make_validator)

    async def __call__(self, answer: httpx.Response) -> None:
        path = self._path_of(answer.request.url.path)
        method = answer.request.method.lower()
        if path is None or method not in self._document["paths"][path]:
            return
        if answer.status_code in AROUND:
            return
        promised = self._document["paths"][path][method]["responses"]
        what = f"{method} {path}: {answer.status_code}"
        assert str(answer.status_code) in promised, f"{what} is not documented"
        validator = self._validator(path, method, answer.status_code)
        if validator is not None and "json" in answer.headers["content-type"]:
            await answer.aread()
            faults = [fault.message for fault in validator.iter_errors(answer.json())]
            assert not faults, f"{what} is documented otherwise: {faults}"

    def _path_of(self, sent: str) -> str | None:
        return next((path for pattern, path in self._paths if pattern.match(sent)), None)

    def _make_validator(self, path: str, method: str, status: int) -> Any:
        promised = self._document["paths"][path][method]["responses"][str(status)]
        if "$ref" in promised:
            promised = self._document["components"]["responses"][promised["$ref"].split("/")[-1]]
        schema = promised.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return None
        return Draft202012Validator({**schema, "components": self._document["components"]})
