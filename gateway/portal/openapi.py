"""One OpenAPI document out of the services' own, so that readers see one API.

Every `$ref` of a merged document means what it meant at home: schemas of one name are one only when
they and all they refer to are equal; otherwise each carries its service's name.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PUBLIC = ("/auth/", "/api/v1/", "/media/")
REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')
DESCRIPTION = (
    "Upload files, pick functions from modules, string them into a pipeline, run it and fetch what "
    "comes out. Sign in at `/auth/login/` and send `Authorization: Token <token>`."
)

Document = dict[str, Any]


def merge(documents: Mapping[str, Document], *, silent: Sequence[str] = ()) -> Document:
    """`documents` by service name; `silent` names the services whose part is missing."""
    merged: Document = {
        "openapi": "3.1.0",
        "info": {"title": "MLsploit", "version": "1", "description": _description(silent)},
        "paths": {},
        "components": {},
    }
    for service, document in _with_own_names(documents).items():
        merged["paths"] |= dict(_public_paths(service, document))
        for section, things in document.get("components", {}).items():
            merged["components"].setdefault(section, {}).update(things)
    return merged


def _description(silent: Sequence[str]) -> str:
    if not silent:
        return DESCRIPTION
    return f"{DESCRIPTION}\n\n**Missing here, because it does not answer: {', '.join(silent)}.**"


def _public_paths(service: str, document: Document) -> Iterator[tuple[str, Any]]:
    for path, operations in document.get("paths", {}).items():
        if path.startswith(PUBLIC):
            yield (
                path,
                {
                    method: {**operation, "tags": operation.get("tags") or [service]}
                    for method, operation in operations.items()
                },
            )


def _with_own_names(documents: Mapping[str, Document]) -> dict[str, Document]:
    """The documents, with every schema renamed that means something else in another of them."""
    meanings: dict[str, set[str]] = {}
    for document in documents.values():
        for name in _schemas(document):
            meanings.setdefault(name, set()).add(_meaning(document, name))
    ambiguous = {name for name, found in meanings.items() if len(found) > 1}
    return {
        service: _renamed(document, {name: f"{service.title()}{name}" for name in ambiguous})
        for service, document in documents.items()
    }


def _schemas(document: Document) -> dict[str, Any]:
    schemas: dict[str, Any] = document.get("components", {}).get("schemas", {})
    return schemas


def _meaning(document: Document, name: str) -> str:
    """The schema together with all that it refers to, as text that can be compared."""
    schemas = _schemas(document)
    found: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found and current in schemas:
            found[current] = schemas[current]
            waiting += REFERENCE.findall(json.dumps(schemas[current]))
    return json.dumps(found, sort_keys=True)


def _renamed(document: Document, names: Mapping[str, str]) -> Document:
    text = REFERENCE.sub(
        lambda match: f'"#/components/schemas/{names.get(match[1], match[1])}"',
        json.dumps(document),
    )
    renamed: Document = json.loads(text)
    if "schemas" in renamed.get("components", {}):
        schemas = renamed["components"]["schemas"]
        renamed["components"]["schemas"] = {names.get(n, n): schemas[n] for n in schemas}
    return renamed
