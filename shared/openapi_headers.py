"""The headers of answers, in the OpenAPI document: each on every answer that can carry it."""

from collections.abc import Iterable
from typing import Any

Extra = dict[str, Any]

JSON = "application/json"

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
REQUEST_ID: Extra = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "Your name for the request, in its answer and in all logs.",
    "schema": {"type": "string"},
}


def described_headers() -> Extra:
    return {
        name: {"description": meaning, "required": is_always, "schema": {"type": "string"}}
        for name, (is_always, meaning) in HEADERS.items()
    }


def add_headers(operation: Extra, method: str) -> None:
    """To what is no refusal; those have theirs, once for all operations. And the one to send."""
    operation.setdefault("parameters", []).append(REQUEST_ID)
    is_read = method == "get" and bool(operation["security"])
    pages = any(one["name"] == "cursor" for one in operation.get("parameters", ()))
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            continue
        names = {
            "X-Request-ID": True,
            "ETag": is_read and (status == "304" or (status == "200" and JSON in _content(answer))),
            "Link": pages and status == "200",
            "Location": status == "201" and "url" in _shown(answer),
            "Idempotency-Replayed": method == "post" and bool(operation["security"]),
        }
        answer["headers"] = {
            **answer.get("headers", {}),
            **named_headers(n for n in names if names[n]),
        }


def _shown(answer: Extra) -> Any:
    return _content(answer).get(JSON, {}).get("example") or {}


def _content(answer: Extra) -> Extra:
    content: Extra = answer.get("content", {})
    return content


def named_headers(names: Iterable[str]) -> Extra:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
