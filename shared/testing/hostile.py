"""Bodies that were made to hurt whoever reads them, for any route that takes one."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
PARTS_TYPE = "multipart/form-data; boundary=b"
MEBIBYTE = 1024 * 1024

Sent = tuple[str, bytes]


def bodies(fields: list[str]) -> Iterator[tuple[str, Sent]]:
    """By name; each field of the route is filled with each kind of poison."""
    yield from _of_no_field()
    for name in fields:
        for kind, value in _poisons().items():
            yield f"{kind} in {name}", (JSON_TYPE, f'{{"{name}": {value}}}'.encode())
        for kind, text in _texts().items():
            form = urlencode({name: text}, errors="surrogatepass")
            yield f"{kind} in {name}, as a form", (FORM_TYPE, form.encode())
        yield f"half a character in {name}, in parts", (PARTS_TYPE, _part(name, "\ud800"))


def _poisons() -> dict[str, str]:
    """As JSON writes them."""
    return {
        "depth": "[" * 900 + "]" * 900,
        "an object's depth": '{"a":' * 900 + "1" + "}" * 900,
        "a huge number": "9" * 4000,
        "a number too huge": "9" * 5000,
        "infinity": "1e999",
        "no number": "NaN",
        "half a character": '"\\ud800"',
        "a null character": '"a\\u0000b"',
        "a long text": json.dumps("x" * 300_000),
        "a wide list": "[" + ",".join(["{}"] * 5000) + "]",
        "an object": '{"$ne": null, "__proto__": {"a": 1}}',
        "a wrong type": "true",
        "nothing": "null",
    }


def _texts() -> dict[str, str]:
    return {
        "a null character": "a\x00b",
        "half a character": "\ud800",
        "depth": "[" * 2000,
        "a huge number": "9" * 5000,
        "a template": "${7*7}{{7*7}}<%= 7*7 %>%s%n",
        "SQL": "1' OR '1'='1'; DROP TABLE users; --",
    }


def _of_no_field() -> Iterator[tuple[str, Sent]]:
    many: dict[str, Any] = {f"field{number}": number for number in range(1500)}
    parts = b"".join(_part(name, "1")[: -len(b"--b--\r\n")] for name in many)
    yield "depth without an end", (JSON_TYPE, b"[" * 200_000)
    yield "many small lists", (JSON_TYPE, b"[" + b"[]," * MEBIBYTE + b"1]")
    yield "many fields in a form", (FORM_TYPE, urlencode(many).encode())
    yield "many parts", (PARTS_TYPE, parts + b"--b--\r\n")
    yield "parts without an end", (PARTS_TYPE, b"--b\r\n" * 10_000)
    yield "a part's head without an end", (PARTS_TYPE, b"--b\r\nX: " + b"x" * 200_000)
    yield "a part of no name", (PARTS_TYPE, b"--b\r\n\r\nx\r\n--b--\r\n")
    yield "bytes that are no text", (JSON_TYPE, b'{"a": "\xff\xfe"}')
    yield "escapes without an end", (FORM_TYPE, b"%" * 200_000)


def _part(name: str, text: str) -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return head.encode() + text.encode(errors="surrogatepass") + b"\r\n--b--\r\n"


def fields_of(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """Every field that the operation's document names, in whatever encoding."""
    names: set[str] = set()
    for media in operation["requestBody"]["content"].values():
        schema = media["schema"].get("$ref", "").rpartition("/")[2]
        names |= document["components"]["schemas"].get(schema, {}).get("properties", {}).keys()
    return sorted(names)
