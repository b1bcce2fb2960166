"""What schemathesis must know beyond the document; loaded by it, in a process of its own.

A document says what is well formed. It cannot say which things are there, nor how lenient the
contract is with what other clients send. Both are told here, so that every check can stay on:
references name what is there (`narrow`), leniency is part of the schema (`widen`), and of the
refusals of well-formed requests only those with a reason below are let pass.
"""

from typing import Any

import schemathesis

from dev.fuzz.furniture import Furniture
from dev.fuzz.leniency import (
    is_said_otherwise_in_a_form,
    is_told_by_no_schema,
    json_texts,
    widen,
    widen_parameter,
)
from dev.fuzz.narrowing import bodies, narrow
from dev.fuzz.reached import note
from dev.fuzz.spares import Spares

HOME = Furniture.read()
SPARES = Spares(HOME)


@schemathesis.hook
def before_load_schema(_context: Any, raw_schema: dict[str, Any]) -> None:
    narrow(raw_schema, HOME)
    for body in bodies(raw_schema):
        for field in body.get("properties", {}).values():
            widen(field)
    for operations in raw_schema["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                widen_parameter(parameter)


schemathesis.openapi.format("json-text", json_texts())


@schemathesis.auth()
class Account:
    """The furnished account, or the administrator for what only administrators may do."""

    def get(self, _case: Any, _context: Any) -> str:
        return HOME.token

    def set(self, case: Any, data: str, _context: Any) -> None:
        operation = operation_of(case)
        token = HOME.admin_token if operation in FOR_STAFF else data
        token = HOME.webhooks_token if operation in OF_WEBHOOKS else token
        case.headers = {**(case.headers or {}), "Authorization": f"Token {token}"}


FOR_STAFF = frozenset({"register_module", "update_module"})
OF_WEBHOOKS = frozenset(
    {
        *("list_webhooks", "create_webhook", "read_webhook", "change_webhook", "delete_webhook"),
        *("list_deliveries", "test_webhook", "rotate_secret"),
    }
)


@schemathesis.hook
def filter_headers(_context: Any, headers: dict[str, Any]) -> bool:
    """HTTP has no header with control characters: the gateway refuses the whole connection."""
    return all(str(value).isprintable() for value in headers.values())


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    """What ends an account or a token gets one of its own, so that it ends nobody else's."""
    operation = operation_of(case)
    ours = [f"Token {token}" for token in (HOME.token, HOME.webhooks_token)]
    if case.headers is None or case.headers.get("Authorization") not in ours:
        return
    if operation == "log_out":
        case.headers["Authorization"] = f"Token {SPARES.token()['token']}"
    elif operation == "delete_user" and str(case.path_parameters["user_id"]) == str(HOME.user_id):
        user_id, token = SPARES.user()
        case.path_parameters["user_id"] = user_id
        case.headers["Authorization"] = f"Token {token}"
    else:
        SPARES.hand(case, operation)


@schemathesis.hook
def after_call(_context: Any, case: Any, response: Any) -> None:
    note(operation_of(case), response.status_code)


@schemathesis.hook
def filter_failure(_context: Any, failure: Any, case: Any, response: Any) -> bool:
    match type(failure).__name__:
        case "RejectedPositiveData":
            # What a piece of a log must say beside its text stands in the header and the query of
            # plain text, and in the body of all else.
            if operation_of(case) == "append_log" and case.media_type == "text/plain":
                return False
            return not is_told_by_no_schema(response.json())
        case "AcceptedNegativeData":
            return not is_said_otherwise_in_a_form(failure.message, case.media_type, case.body)
    return True


def operation_of(case: Any) -> str:
    return str(case.operation.definition.raw.get("operationId"))
