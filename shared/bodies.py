"""Request bodies: JSON, urlencoded form and multipart, into one typed body, judged late.

The contract judges a body after credentials, method and existence. So a route takes a
`Submission` - bytes that were read but not yet judged - and its service turns it `into` a body.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from shared import errors, foreign_json
from shared.fields import Field
from shared.forms import parse_form

FORM_FIELDS_MAX = 1000
FORM_FIELD_BYTES_MAX = int(2.5 * 1024 * 1024)
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"

Pairs = list[tuple[str, Any]]


class Body(BaseModel):
    """Base of request bodies. Unknown and read-only fields are ignored, as the contract says."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    def changes(self) -> dict[str, Any]:
        """Only what the client sent, for PATCH."""
        return self.model_dump(exclude_unset=True)


B = TypeVar("B", bound=Body)


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A body as it came: parsed into a typed body by `into`, which raises what is wrong with it."""

    raw_json: bytes | None = None
    form: Pairs | None = None
    refusal: errors.ApiError | None = None

    def into(self, model: type[B]) -> B:
        try:
            return model.model_validate(self._values(model))
        except ValidationError as error:
            raise errors.InvalidFields(_faults(error)) from None

    def judge(self, model: type[Body]) -> tuple[dict[str, Any], dict[str, list[str]]]:
        """What was sent and is right, parsed, and the faults of the rest.

        For whoever has more to find: all wrong fields are told together.
        """
        try:
            return self.into(model).changes(), {}
        except errors.InvalidFields as refusal:
            faults = refusal.faults
            if errors.NON_FIELD_ERRORS in faults:
                raise
        sent = ((_rule(model, name), name, value) for name, value in self._values(model).items())
        return {n: rule.judge(value) for rule, n, value in sent if rule and n not in faults}, faults

    def _values(self, model: type[Body]) -> dict[str, Any]:
        if self.refusal is not None:
            raise self.refusal
        return self._form_values(model) if self.form is not None else self._json_values()

    def _json_values(self) -> dict[str, Any]:
        if not self.raw_json:
            return {}
        try:
            value = foreign_json.parse(self.raw_json.decode("utf-8"))
        except ValueError as error:
            raise errors.BadRequest(f"JSON parse error - {error}") from None
        if value is None:
            raise errors.InvalidFields.of_whole("No data provided")
        if not isinstance(value, dict):
            fault = f"Invalid data. Expected a dictionary, but got {type(value).__name__}."
            raise errors.InvalidFields.of_whole(fault)
        return value

    def _form_values(self, model: type[Body]) -> dict[str, Any]:
        """A form has only text: repeated keys make lists, and blank may mean absent or null."""
        many: dict[str, list[Any]] = {}
        for key, value in self.form or []:
            many.setdefault(key, []).append(value)
        values: dict[str, Any] = {}
        for name, sent in many.items():
            rule = _rule(model, name)
            if sent[-1] == "" and rule is not None and rule.blank_form_is_absent:
                continue
            if rule is not None and rule.is_list:
                values[name] = sent
            elif sent[-1] == "" and rule is not None and rule.blank_form_is_null:
                values[name] = None
            else:
                values[name] = sent[-1]
        return values

    @property
    def is_form(self) -> bool:
        return self.form is not None


def _rule(model: type[Body], name: str) -> Field | None:
    info = model.model_fields.get(name)
    rules = info.metadata if info is not None else []
    return next((rule for rule in rules if isinstance(rule, Field)), None)


def _faults(error: ValidationError) -> dict[str, list[str]]:
    faults: dict[str, list[str]] = {}
    for fault in error.errors():
        name = str(fault["loc"][0])
        texts = (
            [errors.REQUIRED] if fault["type"] == "missing" else fault.get("ctx", {}).get("texts")
        )
        faults.setdefault(name, []).extend(texts or [fault["msg"]])
    return faults


async def read_bytes(request: Request, *, limit: int) -> bytes:
    """The whole body, at most `limit` bytes of it."""
    return b"".join([chunk async for chunk in read_chunks(request, limit=limit)])


async def read_chunks(request: Request, *, limit: int) -> AsyncGenerator[bytes, None]:
    """The same piece by piece; what says beforehand that it is too large is not read at all."""
    _refuse_encoded(request)
    said = f"The request body may have at most {limit} bytes."
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        # Who asks first (Expect: 100-continue) would be told by the gateway to send it all; who
        # sends already would lose this answer together with the connection.
        asks_first = "expect" in request.headers
        raise errors.PayloadTooLarge(said, headers={"Connection": "close"} if asks_first else None)
    size, is_more = 0, True
    while is_more:
        chunk, is_more = await _next_chunk(request)
        size += len(chunk)
        if size > limit:
            raise errors.PayloadTooLarge(said)
        yield chunk


async def _next_chunk(request: Request) -> tuple[bytes, bool]:
    """And whether more follows; past the request's stream, which takes two waits more to end.

    A client may be slow, but not silent: its request holds memory and files.
    """
    try:
        async with asyncio.timeout(request.app.state.settings.body_idle_seconds):
            message = await request.receive()
    except TimeoutError:
        raise errors.BodyTooSlow from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    return message.get("body", b""), message.get("more_body", False)


def _refuse_encoded(request: Request) -> None:
    """A compressed body may be a thousand times as large as it seems; nobody has to send one."""
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise errors.UnsupportedMediaType(encoding)


async def read_submission(request: Request) -> Submission:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    limit: int = request.app.state.settings.body_bytes_max
    try:
        if content_type == MULTIPART_TYPE:
            return Submission(form=await _read_multipart(request, limit))
        raw = await read_bytes(request, limit=limit)
        if content_type == FORM_TYPE:
            return Submission(form=list(parse_form(raw, fields_max=FORM_FIELDS_MAX)))
    except (errors.BadRequest, errors.UnsupportedMediaType) as refusal:
        return Submission(refusal=refusal)
    if raw and content_type != JSON_TYPE:
        # The original took a body of no type for plain text.
        offered = request.headers.get("content-type") or "text/plain"
        return Submission(refusal=errors.UnsupportedMediaType(offered))
    return Submission(raw_json=raw)


async def _read_multipart(request: Request, limit: int) -> Pairs:
    if "boundary=" not in request.headers["content-type"]:
        return []  # Nothing separates fields from each other, so there are none.
    try:
        form = await MultiPartParser(
            request.headers,
            read_chunks(request, limit=limit),
            max_fields=FORM_FIELDS_MAX,
            max_files=FORM_FIELDS_MAX,
            max_part_size=FORM_FIELD_BYTES_MAX,
        ).parse()
    except MultiPartException as error:
        raise errors.BadRequest(f"Multipart form parse error - {error.message}") from None
    texts = [(key, value) for key, value in form.multi_items() if not isinstance(value, UploadFile)]
    await form.close()
    return texts


SubmissionDep = Annotated[Submission, Depends(read_submission)]


def accepts(model: type[Body], *types: str, form: type[Body] | None = None) -> dict[str, Any]:
    """`openapi_extra` of a route that takes this body, in all three encodings or in these.

    `form` is the body where a form may leave out what JSON must say.
    """
    chosen = types or (JSON_TYPE, FORM_TYPE, MULTIPART_TYPE)
    models = {each: model if each == JSON_TYPE else form or model for each in chosen}
    content = {each: {"schema": one.model_json_schema()} for each, one in models.items()}
    return {"requestBody": {"content": content}}
