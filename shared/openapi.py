"""A service's OpenAPI document, in which every answer that a caller can meet is named.

What a route answers when it refuses follows from what the document says of it already: whether it
asks for a token, has an id in its path, takes a body. So no route lists it, and none can forget it.
Invariant: a test client of a service fails on an answer that the document does not have.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, RootModel

from shared import errors
from shared.conditional import PreconditionFailed
from shared.idempotency import KEY_LENGTH_MAX, KeyReused
from shared.openapi_headers import add_headers, described_headers, named_headers
from shared.openapi_links import add_links
from shared.paging import LIMIT_MAX, Orders

Document = dict[str, Any]
Extra = dict[str, Any]

SCHEMA = "#/components/schemas/"
JSON_TYPE = "application/json"
# One of each: the document shows what it really says.
REFUSALS: dict[int, errors.ApiError] = {
    refusal.status: refusal
    for refusal in (
        errors.InvalidFields.of_field("name", errors.REQUIRED),
        errors.Unauthenticated(),
        errors.Forbidden(),
        errors.NotFound(),
        errors.BodyTooSlow(),
        errors.Conflict(),
        PreconditionFailed(),
        errors.PayloadTooLarge(),
        errors.UnsupportedMediaType("text/plain"),
        KeyReused(),
        errors.Unavailable(),
    )
}
CREDENTIALS = (
    "`Token <token>` or `Bearer <token>`, with a token from `/auth/login/`. A narrowed token needs "
    "one of the scopes that an operation names; what names none takes whole tokens alone."
)

Url = Annotated[str, Field(json_schema_extra={"format": "uri"})]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
JsonString = Annotated[str, Field(json_schema_extra={"contentMediaType": JSON_TYPE})]


EXAMPLE_HOST = "http://localhost:8000"


def example_url(resource: str, item_id: int = 1) -> str:
    return f"{EXAMPLE_HOST}/api/v1/{resource}/{item_id}/"


def shown_as(scoped: Sequence[str] = (), /, **example: Any) -> ConfigDict:
    """`model_config` of a body or an answer, with one whole example of it.

    The fields `scoped` are left out for a token whose scopes do not allow them.
    """

    def complete(schema: Extra) -> None:
        schema["examples"] = [example]
        if scoped:
            schema["required"] = [name for name in schema["required"] if name not in scoped]

    return ConfigDict(json_schema_extra=complete)


class Answer(BaseModel):
    """Base of what routes answer: the promise to callers. Answers are not written through it."""


class Detail(Answer):
    model_config = shown_as(detail="Done.")

    detail: str


class FieldErrors(RootModel[dict[str, list[str]]]):
    """Every wrong field with all its faults; `non_field_errors` is the body as a whole."""


# What every list understands; `?ordering=` besides, with names of its own.
PAGING: dict[str, Extra] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX},
    "cursor": {"type": "string", "description": "Taken from a `Link` header, unchanged."},
    "created_after": {"type": "string", "format": "date-time"},
    "created_before": {"type": "string", "format": "date-time"},
}
# `openapi_extra` of a route that is open, and does more for who sends a token.
OPTIONAL_TOKEN: Extra = {"security": [{"Token": []}, {}]}


class DocumentedApp(FastAPI):
    def openapi(self) -> Document:
        if self.openapi_schema is None:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema


def list_parameters(
    fields: Sequence[str] | None = None,
    orders: Orders | None = None,
    *,
    ids: Sequence[str] = (),
    choices: Mapping[str, Sequence[str]] = {},
) -> Extra:
    """`openapi_extra` of a list: pages, the filters by ids and by choice, and `?fields=`."""
    schemas: dict[str, Extra] = dict(PAGING) if orders is not None else {}
    if orders is not None:
        schemas["ordering"] = {"type": "string", "enum": [*orders.names], "default": orders.default}
    schemas |= {key: {"type": "array", "items": {"type": "integer", "minimum": 0}} for key in ids}
    schemas |= {name: {"type": "string", "enum": list(values)} for name, values in choices.items()}
    if fields is not None:
        schemas["fields"] = {"type": "array", "items": {"type": "string", "enum": list(fields)}}
    # A list is written with commas: `?id=1,2`.
    kind = {"in": "query", "style": "form", "explode": False}
    return {
        "parameters": [{**kind, "name": name, "schema": schema} for name, schema in schemas.items()]
    }


def completed(document: Document) -> Document:
    """With all refusals, examples and links; bodies become schemas that have a name."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= {each.__name__: each.model_json_schema() for each in (Detail, FieldErrors)}
    components["headers"] = described_headers()
    components["responses"] = {_name(error): _refusal(error) for error in REFUSALS.values()}
    for scheme in components.get("securitySchemes", {}).values():
        scheme["description"] = CREDENTIALS
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["security"] = _any_scope(operation.get("security", []))
            _name_body(operation, method, schemas)
            _name_answers(operation, schemas)
            _add_conditions(operation, method)
            add_links(operation, path, document["paths"])
            add_headers(operation, method)
    return document


def _any_scope(security: Sequence[Extra]) -> list[Extra]:
    """One of the scopes that a route names is enough; the document's lists would mean all."""
    return [
        {scheme: [scope] if scope else []}
        for requirement in security
        for scheme, scopes in requirement.items()
        for scope in scopes or [None]
    ] + [{} for requirement in security if not requirement]


def _name(error: errors.ApiError) -> str:
    return type(error).__name__


def _refusal(error: errors.ApiError) -> Extra:
    kinds = [{"$ref": SCHEMA + "Detail"}]
    if isinstance(error, errors.InvalidFields):
        kinds.insert(0, {"$ref": SCHEMA + "FieldErrors"})
    content = {"schema": {"anyOf": kinds} if kinds[1:] else kinds[0], "example": error.body()}
    # A conflict passes by itself where another request is still at work.
    later = ["Retry-After"] if isinstance(error, errors.Conflict) else []
    own = [name for name in error.headers if name != "Connection"]
    headers = named_headers(["X-Request-ID", *own, *later])
    return {"description": error.detail, "content": {JSON_TYPE: content}, "headers": headers}


def _statuses(operation: Extra) -> Iterator[int]:
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    if operation["security"] and {} not in operation["security"]:
        yield from (401, 403)
    if "path" in places:
        yield 404
    if "query" in places or "requestBody" in operation:
        yield 400
    if "requestBody" in operation:
        yield from (408, 413, 415)
    yield 503


def _name_body(operation: Extra, method: str, schemas: Extra) -> None:
    content = operation.get("requestBody", {}).get("content", {})
    for kind, media in content.items():
        schema = media["schema"]
        if "properties" not in schema:
            continue  # Plain text has no fields.
        if kind != JSON_TYPE and JSON_TYPE in content:
            # A name of its own: generated clients choose the encoding by it.
            schema["title"] = schema["title"].removesuffix("Form") + "Form"
        if kind != JSON_TYPE:
            schema["properties"] = {n: _in_form(each) for n, each in schema["properties"].items()}
        for field in schema["properties"].values():
            # What is left out of a change stays as it is; an empty default says nothing.
            if method != "post" or not field.get("default"):
                field.pop("default", None)
        schemas[schema["title"]] = schema
        operation["requestBody"]["required"] = bool(schema.get("required"))
        media["schema"] = {"$ref": SCHEMA + schema["title"]}
        media["example"] = _example(media["schema"], schemas)


def _in_form(field: Extra) -> Extra:
    """A form cannot say null."""
    kinds = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return field
    return {**kinds[0], **{name: value for name, value in field.items() if name != "anyOf"}}


def _name_answers(operation: Extra, schemas: Extra) -> None:
    answers = operation["responses"]
    answers.pop("422", None)
    is_narrowed = any(one["name"] == "fields" for one in operation.get("parameters", ()))
    for answer in answers.values():
        for media in answer.get("content", {}).values():
            example = _example(media["schema"], schemas)
            if example is not None:
                media.setdefault("example", example)
            if is_narrowed:
                media["schema"] = _narrowed(media["schema"], schemas)
    for status in {*_statuses(operation), *(REFUSALS.keys() & map(int, answers))}:
        own = answers.get(str(status), {})
        reference = {"$ref": f"#/components/responses/{_name(REFUSALS[status])}"}
        answers[str(status)] = own if "content" in own else {**own, **reference}
    operation["responses"] = dict(sorted(answers.items()))


def _add_conditions(operation: Extra, method: str) -> None:
    """What shared/conditional.py and shared/idempotency.py put around every route with a token."""
    answers = operation["responses"]
    schema: Extra = {"type": "string"}
    refusals: tuple[int, ...] = ()
    if not operation["security"]:
        return
    if method == "get":
        if JSON_TYPE not in answers["200"]["content"]:
            return
        name = "If-None-Match"
        answers["304"] = {"description": "The client has it already, with this `ETag`."}
    elif method == "post":
        name, refusals = "Idempotency-Key", (400, 409, 422)
        schema |= {"minLength": 1, "maxLength": KEY_LENGTH_MAX}
    else:
        name, refusals = "If-Match", (412,)
    parameters = operation.setdefault("parameters", [])
    parameters.append({"name": name, "in": "header", "schema": schema})
    for status in refusals:
        reference = {"$ref": f"#/components/responses/{_name(REFUSALS[status])}"}
        answers[str(status)] = {**answers.get(str(status), {}), **reference}
    operation["responses"] = dict(sorted(answers.items()))


def _example(schema: Extra, schemas: Extra) -> Any:
    if schema.get("type") == "array":
        example = _example(schema["items"], schemas)
        return None if example is None else [example]
    named = schemas.get(schema.get("$ref", "").removeprefix(SCHEMA), schema)
    return named["examples"][0] if "examples" in named else None


def _narrowed(schema: Extra, schemas: Extra) -> Extra:
    """The same of which `?fields=` may leave anything out."""
    if schema.get("type") == "array":
        return {**schema, "items": _narrowed(schema["items"], schemas)}
    if "$ref" not in schema:
        return schema
    whole = schema["$ref"].removeprefix(SCHEMA)
    some = {k: v for k, v in schemas[whole].items() if k != "required"}
    schemas[f"Some{whole}"] = {**some, "title": f"Some{whole}"}
    return {"$ref": f"{SCHEMA}Some{whole}"}
