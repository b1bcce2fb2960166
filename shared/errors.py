"""The error tree and its one renderer, so that every refusal has the contract's shape.

400 names fields: `{"field": ["text"]}`. Everything else says `{"detail": "text"}`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from starlette.responses import Response

from shared.answers import json_response

NON_FIELD_ERRORS = "non_field_errors"
REQUIRED = "This field is required."
NOT_NULL = "This field may not be null."
LINK_MISSING = "Invalid hyperlink - Object does not exist."


class ApiError(Exception):
    """A refusal that has an HTTP answer. Raise a subclass; services name their own."""

    status: ClassVar[int] = 400
    detail: str = "Bad request."

    def __init__(self, detail: str | None = None, *, headers: Mapping[str, str] | None = None):
        if detail is not None:
            self.detail = detail
        self.headers = dict(headers or {})
        super().__init__(self.detail)

    def body(self) -> dict[str, Any]:
        return {"detail": self.detail}


class BadRequest(ApiError):
    """The request cannot be read at all; with fields to name, use InvalidFields."""


class InvalidFields(ApiError):
    """One or more fields are wrong; every wrong one is named, with every fault."""

    def __init__(self, faults: Mapping[str, Sequence[str]]):
        self.faults = {field: list(texts) for field, texts in faults.items()}
        super().__init__("Invalid fields.")

    def body(self) -> dict[str, Any]:
        return self.faults

    @classmethod
    def of_field(cls, field: str, *texts: str) -> "InvalidFields":
        return cls({field: texts})

    @classmethod
    def of_whole(cls, *texts: str) -> "InvalidFields":
        """Faults of the body as a whole, told only when no single field is wrong."""
        return cls({NON_FIELD_ERRORS: texts})


class Unauthenticated(ApiError):
    status = 401
    detail = "Authentication credentials were not provided."

    def __init__(self, detail: str | None = None):
        # RFC 9110, 11.6.1: a 401 names a scheme that would be accepted.
        super().__init__(detail, headers={"WWW-Authenticate": 'Token realm="api"'})


class Forbidden(ApiError):
    status = 403
    detail = "You do not have permission to perform this action."


class NotFound(ApiError):
    """Also for what belongs to somebody else: its existence is not the caller's to learn."""

    status = 404
    detail = "Not found."


class BodyTooSlow(ApiError):
    status = 408
    detail = "Nothing came of the request's body for too long."

    def __init__(self) -> None:
        # What may still come of it is no request.
        super().__init__(headers={"Connection": "close"})


class Conflict(ApiError):
    status = 409
    detail = "The request conflicts with the current state."


class PayloadTooLarge(ApiError):
    status = 413
    detail = "The request body is too large."


class UnsupportedMediaType(ApiError):
    status = 415

    def __init__(self, media_type: str):
        super().__init__(f'Unsupported media type "{media_type}" in request.')


class Unavailable(ApiError):
    """Something this answer needs does not respond; nothing was changed, asking again is right."""

    status = 503
    detail = "The service is temporarily unavailable."

    def __init__(self, detail: str | None = None, *, retry_after_seconds: int = 1):
        super().__init__(detail, headers={"Retry-After": str(retry_after_seconds)})


def render(error: ApiError) -> Response:
    return json_response(error.body(), status=error.status, headers=error.headers)
