"""JSON answers straight from dicts: one fast encoder, no model per row."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response


def json_response(
    data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    content = orjson.dumps(data, option=orjson.OPT_UTC_Z)
    return Response(content, status_code=status, headers=headers, media_type="application/json")


def created(data: dict[str, Any]) -> Response:
    """201 with `Location` set to the new item's own url, as the contract has it."""
    return json_response(data, status=201, headers={"Location": data["url"]})


def no_content() -> Response:
    return Response(status_code=204)
