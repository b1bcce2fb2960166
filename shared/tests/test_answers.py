import orjson
import pytest

from shared.answers import created, json_response, no_content
from shared.errors import (
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    InvalidFields,
    NotFound,
    PayloadTooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    render,
)


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (BadRequest("No."), 400, {"detail": "No."}),
        (InvalidFields({"a": ["x", "y"], "b": ["z"]}), 400, {"a": ["x", "y"], "b": ["z"]}),
        (InvalidFields.of_field("a", "x", "y"), 400, {"a": ["x", "y"]}),
        (InvalidFields.of_whole("x"), 400, {"non_field_errors": ["x"]}),
        (
            Unauthenticated(),
            401,
            {"detail": "Authentication credentials were not provided."},
        ),
        (
            Forbidden(),
            403,
            {"detail": "You do not have permission to perform this action."},
        ),
        (NotFound(), 404, {"detail": "Not found."}),
        (Conflict("Taken."), 409, {"detail": "Taken."}),
        (PayloadTooLarge(), 413, {"detail": "The request body is too large."}),
        (
            UnsupportedMediaType("text/plain"),
            415,
            {"detail": 'Unsupported media type "text/plain" in request.'},
        ),
        (Unavailable(), 503, {"detail": "The service is temporarily unavailable."}),
    ],
)
def test_every_refusal_has_the_contracts_shape(
    error: ApiError, status: int, body: dict[str, object]
) -> None:
    answer = render(error)
    assert (answer.status_code, orjson.loads(answer.body)) == (status, body)


def test_a_refusal_says_what_to_do_next_where_http_has_a_header_for_it() -> None:
    assert render(Unauthenticated()).headers["www-authenticate"] == 'Token realm="api"'
    assert render(Unavailable(retry_after_seconds=3)).headers["retry-after"] == "3"


def test_json_is_compact_unescaped_and_without_charset() -> None:
    answer = json_response({"name": "ü", "of": [1, 2]})
    assert answer.body == '{"name":"ü","of":[1,2]}'.encode()
    assert answer.headers["content-type"] == "application/json"


def test_what_was_created_says_where_it_is() -> None:
    answer = created({"url": "http://mlsploit.test/api/v1/runs/1/"})
    assert answer.status_code == 201
    assert answer.headers["location"] == "http://mlsploit.test/api/v1/runs/1/"


def test_nothing_to_say_is_said_without_a_type() -> None:
    answer = no_content()
    assert (answer.status_code, answer.body) == (204, b"")
    assert "content-type" not in answer.headers
