"""Answers where no route answers: unknown paths, missing slashes, wrong methods, our faults."""

import re
from collections.abc import Mapping
from functools import cached_property
from socket import gaierror
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import compile_path

from shared.answers import json_response
from shared.db import will_pass
from shared.errors import ApiError, BadRequest, NotFound, Unavailable, render
from shared.telemetry import told_path

log = structlog.get_logger(__name__)


class PathTable:
    """Which methods each public path has, read from the OpenAPI document of the app itself."""

    def __init__(self, app: FastAPI):
        self._app = app

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], frozenset[str]]]:
        paths: dict[str, Any] = self._app.openapi()["paths"]
        return [
            (compile_path(path)[0], frozenset(method.upper() for method in operations))
            for path, operations in paths.items()
        ]

    def methods(self, path: str) -> frozenset[str]:
        """Empty for a path that does not exist; a path in full wins over one with an id in it."""
        if self.is_written_out(path):
            return frozenset(method.upper() for method in self._app.openapi()["paths"][path])
        found = [methods for pattern, methods in self._paths if pattern.match(path)]
        return frozenset().union(*found)

    def is_written_out(self, path: str) -> bool:
        return path in self._app.openapi()["paths"]


def add_responders(app: FastAPI) -> None:
    app.state.paths = table = PathTable(app)

    async def on_api_error(_request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return render(error)

    async def on_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            return _not_found(request, table)
        if error.status_code == 405:
            return _wrong_method(request, table, error.headers or {})
        return json_response({"detail": error.detail}, status=error.status_code)

    async def on_invalid_parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if table.is_written_out(request.scope["path"]):
            # The word in the place of an id is the end of another route, with other methods.
            return _wrong_method(request, table, {})
        # Path parameters are the only ones FastAPI itself judges here: no such thing then.
        if any(fault["loc"][0] == "path" for fault in error.errors()):
            return render(NotFound())
        return render(BadRequest(str(error.errors()[0]["msg"])))

    async def on_trouble(request: Request, error: Exception) -> Response:
        if will_pass(error):
            log.warning("database_away", path=told_path(request.url.path), reason=repr(error))
            return render(Unavailable())
        log.error("unhandled", path=told_path(request.url.path), exc_info=error)
        return json_response({"detail": "A server error occurred."}, status=500)

    app.add_exception_handler(ApiError, on_api_error)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(RequestValidationError, on_invalid_parameters)
    # Also a connection to the database that cannot be made at all, in time, or out of turn.
    for kind in (DBAPIError, ConnectionError, TimeoutError, gaierror, NoConnectionFree, Exception):
        app.add_exception_handler(kind, on_trouble)


def _not_found(request: Request, table: PathTable) -> Response:
    if request.scope["path"].endswith("/") or not table.methods(request.scope["path"] + "/"):
        return render(NotFound())
    # Path only: the client keeps whatever host, scheme and token it came with.
    query = f"?{request.url.query}" if request.url.query else ""
    status = 301 if request.method in ("GET", "HEAD") else 308
    return Response(status_code=status, headers={"Location": f"{request.url.path}/{query}"})


def _wrong_method(request: Request, table: PathTable, known: Mapping[str, str]) -> Response:
    # A route that the document leaves out still says what it takes.
    routed = known.get("Allow", "").replace(" ", "").split(",")
    methods = table.methods(request.scope["path"]) or frozenset(routed) - {""}
    allowed = sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()))
    headers = {"Allow": ", ".join(allowed)}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    detail = f'Method "{request.method}" not allowed.'
    return json_response({"detail": detail}, status=405, headers=headers)
