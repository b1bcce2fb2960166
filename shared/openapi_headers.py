"""The headers of answers, in the OpenAPI document: each on every answer that can carry it."""

from collections.abc import Iterable
from typing import Any

Extra = dict[str, Any]

# By name: whether it is always there where the document names it, and what it says.
HEADERS = {
    "ETag": (True, "Send it back as `If-None-Match` (304) or `If-Match` (412)."),
    "Idempotency-Replayed": (False, "`true`: this is the answer of an earlier request."),
    "Link": (False, 'The next page of a list, `rel="next"`; none on the last page.'),
    "Location": (True, "Where what was made is."),
    "Retry-After": (False, "Seconds after which asking again makes sense."),
    "WWW-Authenticate": (True, "A scheme that would be accepted."),
    "X-Request-ID": (True, "Name it when you report something."),
}


def described_headers() -> Extra:
    return {
        name: {"description": meaning, "required": is_always, "schema": {"type": "string"}}
        for name, (is_always, meaning) in HEADERS.items()
    }


def add_headers(operation: Extra, method: str) -> None:
    """To what is no refusal; those have theirs, once for all operations."""
    is_read = method == "get" and bool(operation["security"])
    pages = any(one["name"] == "cursor" for one in operation.get("parameters", ()))
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            continue
        names = {
            "X-Request-ID": True,
            "ETag": is_read and status in ("200", "304"),
            "Link": pages and status == "200",
            "Location": status == "201" and "url" in _shown(answer),
            "Idempotency-Replayed": method == "post" and bool(operation["security"]),
        }
        answer["headers"] = {
            **answer.get("headers", {}),
            **named_headers(n for n in names if names[n]),
        }


def _shown(answer: Extra) -> Any:
    return answer.get("content", {}).get("application/json", {}).get("example") or {}


def named_headers(names: Iterable[str]) -> Extra:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
