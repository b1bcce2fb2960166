import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.tests.conftest import BODY_BYTES_MAX

ECHOES = "/api/v1/echoes/"
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FILES = ["/api/v1/files/2/", "/api/v1/files/1/"]


async def test_json_form_and_multipart_mean_the_same(client: httpx.AsyncClient) -> None:
    expected = {"name": "x", "loud": True, "files": [1, 2]}
    sent: list[dict[str, Any]] = [
        {"json": {"name": "x", "loud": True, "files": FILES, "unknown": 1}},
        {"data": {"name": " x ", "loud": "on", "files": FILES, "unknown": "1"}},
        {"data": {"name": "x", "loud": "1", "files": FILES}, "files": {"blob": b"ignored"}},
    ]
    for body in sent:
        answer = await client.post(ECHOES, **body)
        assert (answer.status_code, answer.json()) == (200, expected)


async def test_a_repeated_key_counts_by_its_last_value_unless_it_makes_a_list(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post(ECHOES, content="name=a&name=b&files=/api/v1/files/9/", headers=FORM)
    assert answer.json() == {"name": "b", "loud": False, "files": [9]}
    again = await client.post(ECHOES, content='{"name": "a", "name": "b"}', headers=JSON)
    assert again.json()["name"] == "b"


async def test_all_bad_fields_are_told_together(client: httpx.AsyncClient) -> None:
    answer = await client.post(ECHOES, json={"loud": "maybe", "files": ["x"]})
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "name": ["This field is required."],
            "loud": ["Must be a valid boolean."],
            "files": ["Invalid hyperlink - No URL match."],
        },
    )


async def test_an_empty_body_is_an_empty_object(client: httpx.AsyncClient) -> None:
    for headers in ({}, JSON, FORM, {"Content-Type": "text/plain"}):
        answer = await client.post(ECHOES, headers=headers)
        assert (answer.status_code, answer.json()) == (
            400,
            {"name": ["This field is required."]},
        )


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{", "JSON parse error - Expecting property name enclosed in double quotes: "),
        (b'{"name": NaN}', "JSON parse error - Out of range float values"),
        (b'{"name": -Infinity}', "JSON parse error - Out of range float values"),
        (b'\xef\xbb\xbf{"name": "x"}', "JSON parse error - "),
        (b'{"name": "\xff"}', "JSON parse error - "),
        (b'{"name": ' + b"9" * 5000 + b"}", "JSON parse error - "),
        (b"[" * 100_000, "JSON parse error - "),
        (b'{"a":' * 100_000, "JSON parse error - "),
    ],
)
async def test_json_that_cannot_be_read_is_refused_as_a_whole(
    client: httpx.AsyncClient, body: bytes, detail: str
) -> None:
    answer = await client.post(ECHOES, content=body, headers=JSON)
    assert answer.status_code == 400
    assert list(answer.json()) == ["detail"]
    assert answer.json()["detail"].startswith(detail)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"null", "No data provided"),
        (b"[1]", "Invalid data. Expected a dictionary, but got list."),
        (b"5", "Invalid data. Expected a dictionary, but got int."),
        (b'"x"', "Invalid data. Expected a dictionary, but got str."),
    ],
)
async def test_json_that_is_no_object_is_refused_in_the_contracts_words(
    client: httpx.AsyncClient, body: bytes, text: str
) -> None:
    answer = await client.post(ECHOES, content=body, headers=JSON)
    assert (answer.status_code, answer.json()) == (400, {"non_field_errors": [text]})


async def test_another_media_type_is_refused_by_name(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    answer = await client.post(ECHOES, content=b"name=x", headers=headers)
    detail = 'Unsupported media type "text/plain; charset=utf-8" in request.'
    assert (answer.status_code, answer.json()) == (415, {"detail": detail})


async def test_a_body_has_an_upper_limit(client: httpx.AsyncClient) -> None:
    fits = b'{"name": "' + b"x" * (BODY_BYTES_MAX - 12) + b'"}'
    assert (await client.post(ECHOES, content=fits, headers=JSON)).status_code == 200
    in_parts = {"Content-Type": "multipart/form-data; boundary=b"}
    for headers in (JSON, FORM, in_parts):
        answer = await client.post(ECHOES, content=fits + b" ", headers=headers)
        assert (answer.status_code, list(answer.json())) == (413, ["detail"])


async def test_a_form_with_too_many_fields_is_refused(client: httpx.AsyncClient) -> None:
    many = {f"field{number}": "1" for number in range(1100)}
    for body in ({"data": many}, {"data": many, "files": {"blob": b"x"}}):
        answer = await client.post(ECHOES, **body)
        assert (answer.status_code, list(answer.json())) == (400, ["detail"])


async def test_files_in_a_form_that_takes_none_are_ignored(client: httpx.AsyncClient) -> None:
    files = [("one", ("a.txt", b"1")), ("name", ("b.txt", b"2"))]
    answer = await client.post(ECHOES, data={"name": "x"}, files=files)
    assert (answer.status_code, answer.json()["name"]) == (200, "x")


async def test_a_long_text_in_a_multipart_form_is_refused(client: httpx.AsyncClient) -> None:
    body = {"name": "x" * (3 * 1024 * 1024)}
    answer = await client.post(ECHOES, data=body, files={"blob": b"x"})
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=", "multipart/form-data; boundary=abc"]
)
async def test_a_broken_multipart_form_is_refused(
    client: httpx.AsyncClient, content_type: str
) -> None:
    answer = await client.post(
        ECHOES, content=b"--ab\r\nnonsense", headers={"Content-Type": content_type}
    )
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])


async def test_a_multipart_form_that_names_no_boundary_has_no_fields(
    client: httpx.AsyncClient,
) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    answer = await client.post(ECHOES, content=b"name=x", headers=headers)
    assert (answer.status_code, answer.json()) == (400, {"name": ["This field is required."]})


async def test_the_api_document_shows_all_three_encodings(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert set(paths[ECHOES]["post"]["requestBody"]["content"]) == {
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    }


async def test_a_compressed_body_is_refused_unread(client: httpx.AsyncClient) -> None:
    bomb = gzip.compress(b'{"name": "' + b"x" * BODY_BYTES_MAX * 2 + b'"}')
    in_parts = {"Content-Type": "multipart/form-data; boundary=b"}
    for kind in (JSON, FORM, in_parts):
        for encoding in ("gzip", "br", "deflate", "identity, gzip"):
            headers = {**kind, "Content-Encoding": encoding}
            answer = await client.post(ECHOES, content=bomb, headers=headers)
            detail = f'Unsupported media type "{encoding}" in request.'
            assert (answer.status_code, answer.json()) == (415, {"detail": detail})
    plain = {**JSON, "Content-Encoding": "identity"}
    answer = await client.post(ECHOES, content=b'{"name": "x"}', headers=plain)
    assert answer.status_code == 200


@pytest.mark.attack
@pytest.mark.parametrize("kind", [JSON, FORM, {"Content-Type": "multipart/form-data; boundary=b"}])
async def test_a_body_that_never_comes_is_given_up(
    client: httpx.AsyncClient, kind: dict[str, str]
) -> None:
    async def falls_silent() -> AsyncIterator[bytes]:
        yield b"--b\r\n"
        await asyncio.Event().wait()

    answer = await client.post(ECHOES, content=falls_silent(), headers=kind)

    detail = "Nothing came of the request's body for too long."
    assert (answer.status_code, answer.json()) == (408, {"detail": detail})
    assert answer.headers["connection"] == "close"
