"""What the API's document says of a password that is not looked at."""

from typing import Any

from services.users.errors import TooManyFailures
from shared.openapi import JSON_TYPE, SCHEMA

TOO_MANY: dict[int | str, dict[str, Any]] = {
    429: {
        "description": "Too many wrong passwords of this account, or from this address, lately.",
        "headers": {"Retry-After": {"schema": {"type": "string"}}},
        "content": {
            JSON_TYPE: {
                "schema": {"$ref": f"{SCHEMA}Detail"},
                "example": {"detail": TooManyFailures.detail},
            }
        },
    },
}
