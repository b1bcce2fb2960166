import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.files.models import DepartedOwner
from services.files.storage import local
from services.files.tests.conftest import (
    ADMIN,
    NO_FILE,
    URL,
    StoredBlobs,
    Uploads,
    form,
    in_every_place,
    post,
)
from shared.db import Database
from shared.testing.peers import Peers
from shared.testing.tokens import Signer

NOT_A_FILE = {"blob": ["The submitted data was not a file. Check the encoding type on the form."]}


@in_every_place
async def test_an_uploaded_file_has_its_owner_size_and_hash(upload: Uploads) -> None:
    answer = await upload("a.txt", b"hello", tags='{"n":1}', kind="OUTPUT")

    assert answer.status_code == 201, answer.text
    file = answer.json()
    assert answer.headers["location"] == file["url"] == f"http://mlsploit.test{URL}{file['id']}/"
    assert file["owner"] == "http://mlsploit.test/api/v1/users/1/"
    assert (file["name"], file["kind"], file["tags"]) == ("a.txt", "OUTPUT", '{"n": 1}')
    assert (file["size"], file["sha256"]) == (5, hashlib.sha256(b"hello").hexdigest())
    assert (file["parent_file"], file["modified_versions"]) == (None, [])


async def test_fields_may_come_after_the_file(client: httpx.AsyncClient, signer: Signer) -> None:
    body = form(('name="blob"; filename="a.txt"', b"x"), ('name="tags"', b'{"late": true}'))

    assert (await post(client, signer, body)).json()["tags"] == '{"late": true}'


@in_every_place
async def test_of_several_blobs_the_last_one_wins(
    client: httpx.AsyncClient, signer: Signer, stored: StoredBlobs
) -> None:
    body = form(
        ('name="blob"; filename="one.txt"', b"first"),
        ('name="blob"; filename="two.txt"', b"second"),
    )

    file = (await post(client, signer, body)).json()

    assert (file["name"], file["size"]) == ("two.txt", 6)
    assert len(stored()) == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, NO_FILE),
        ({"json": {}}, NO_FILE),
        ({"json": {"blob": None}}, {"blob": ["This field may not be null."]}),
        ({"json": {"blob": "text"}}, NOT_A_FILE),
        ({"data": {"blob": "text"}}, NOT_A_FILE),
        ({"data": {"kind": "OUTPUT"}}, NO_FILE),
        ({"files": {"file": ("a.txt", b"x")}}, NO_FILE),
        ({"files": {"blob": (None, b"text")}}, NOT_A_FILE),
        ({"files": {"blob": ("a.txt", b"")}}, {"blob": ["The submitted file is empty."]}),
        (
            {"json": []},
            {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]},
        ),
    ],
)
async def test_what_is_no_file_is_refused_in_the_contracts_words(
    client: httpx.AsyncClient,
    signer: Signer,
    stored: StoredBlobs,
    content: dict[str, Any],
    expected: dict[str, list[str]],
) -> None:
    answer = await client.post(URL, headers=signer.headers(1), **content)

    assert (answer.status_code, answer.json()) == (400, expected)
    assert stored() == []


async def test_all_wrong_fields_are_named_together(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    fields = {"tags": (None, "nope"), "kind": (None, "BAD"), "parent_file": (None, "x")}

    answer = await client.post(URL, headers=signer.headers(1), files=fields)

    assert answer.json() == {
        "blob": ["No file was submitted."],
        "kind": ['"BAD" is not a valid choice.'],
        "tags": ["Unable to decode."],
        "parent_file": ["Invalid hyperlink - No URL match."],
    }


async def test_a_refused_upload_leaves_nothing_behind(
    upload: Uploads, stored: StoredBlobs, client: httpx.AsyncClient, signer: Signer
) -> None:
    for fields in ({"tags": "nope"}, {"parent_file": f"{URL}77/"}):
        assert (await upload(**fields)).status_code == 400
    assert (await upload(content=b"x" * 100_001)).status_code == 413

    assert stored() == []
    assert (await client.get(URL, headers=signer.headers(1))).json() == []


async def test_credentials_are_judged_before_anything_is_read(app: FastAPI) -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    answers: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        answers.append(message)

    await app(_scope(b"Token made-up"), receive, send)

    assert answers[0]["status"] == 401


async def test_an_upload_that_breaks_off_leaves_nothing_behind(
    app: FastAPI,
    signer: Signer,
    client: httpx.AsyncClient,
    stored: StoredBlobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[list[str]] = []
    # So that what has come is written at once.
    monkeypatch.setattr(local, "WRITE_BYTES", 1)
    begun = form(('name="blob"; filename="a.txt"', b"begun"), end=b"")
    messages: Iterator[dict[str, Any]] = iter(
        [
            {"type": "http.request", "body": begun, "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> dict[str, Any]:
        seen.append(stored())
        return next(messages)

    async def send(message: Any) -> None:
        assert message.get("status", 400) == 400

    await app(_scope(signer.headers(1)["Authorization"].encode()), receive, send)

    assert len(seen) == 2
    assert len(seen[1]) == 1, "the blob was on its way"
    assert stored() == []
    assert (await client.get(URL, headers=signer.headers(1))).json() == []


@in_every_place
async def test_a_form_that_ends_in_the_middle_is_refused(
    client: httpx.AsyncClient, signer: Signer, stored: StoredBlobs
) -> None:
    body = form(('name="blob"; filename="a.txt"', b"half"), end=b"")

    answer = await post(client, signer, body)

    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("Multipart form parse error")
    assert stored() == []


async def test_a_form_of_too_many_or_too_long_fields_is_refused(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    many = form(*[(f'name="f{n}"', b"x") for n in range(1002)])
    long = form(('name="tags"', b"x" * (int(2.5 * 1024 * 1024) + 1)))

    for body in (many, long):
        answer = await post(client, signer, body)
        assert (answer.status_code, list(answer.json())) == (400, ["detail"])


async def test_other_content_types_are_415(client: httpx.AsyncClient, signer: Signer) -> None:
    headers = signer.headers(1) | {"content-type": "text/plain"}

    answer = await client.post(URL, headers=headers, content=b"hello")

    assert answer.status_code == 415
    assert answer.json() == {"detail": 'Unsupported media type "text/plain" in request.'}


async def test_a_user_owns_what_they_upload_whatever_they_say(upload: Uploads) -> None:
    file = (await upload(owner="/api/v1/users/2/")).json()

    assert file["owner"].endswith("/api/v1/users/1/")


async def test_an_administrator_names_an_owner_that_exists(upload: Uploads) -> None:
    async def by_admin(**fields: str) -> httpx.Response:
        return await upload(user=ADMIN, is_staff=True, **fields)

    assert (await by_admin()).json() == {"owner": ["This field is required."]}
    assert (await by_admin(owner="")).json() == {"owner": ["This field may not be null."]}
    unknown = await by_admin(owner="/api/v1/users/77/")
    assert unknown.json() == {"owner": ["Invalid hyperlink - Object does not exist."]}
    file = (await by_admin(owner="/api/v1/users/2/")).json()
    assert file["owner"].endswith("/api/v1/users/2/")


async def test_a_worker_uploads_outputs_and_no_more_with_a_token_for_jobs(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    headers = signer.headers(ADMIN, is_staff=True, scopes="jobs:execute")
    fields = {"owner": "/api/v1/users/1/"}
    blob = {"blob": ("a.txt", b"x")}

    sent = await client.post(URL, headers=headers, data=fields | {"kind": "OUTPUT"}, files=blob)
    refused = await client.post(URL, headers=headers, data=fields, files=blob)

    assert (sent.status_code, refused.status_code) == (201, 403)
    assert (await client.get(URL, headers=headers)).status_code == 403


async def test_a_silent_users_service_refuses_the_upload_for_now(
    upload: Uploads, peers: Peers, stored: StoredBlobs
) -> None:
    peers.silence("GET", "http://users:8000/internal/users/")

    answer = await upload(user=ADMIN, is_staff=True, owner="/api/v1/users/1/")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert stored() == []


async def test_a_parent_must_be_visible_to_the_caller(upload: Uploads) -> None:
    foreign = (await upload(user=2)).json()["url"]
    own = (await upload()).json()["url"]

    refused = await upload(parent_file=foreign)
    assert refused.json() == {"parent_file": ["Invalid hyperlink - Object does not exist."]}
    assert (await upload(parent_file=own)).json()["parent_file"] == own


async def test_a_deleted_user_cannot_finish_an_upload(
    upload: Uploads, database: Database, stored: StoredBlobs
) -> None:
    async with database.transaction() as session:
        session.add(DepartedOwner(owner_id=1))

    answer = await upload()

    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid token."})
    assert stored() == []


async def test_tags_are_kept_as_python_writes_json(upload: Uploads) -> None:
    sent = ' {"x":1,\n "\u00fc" :1e3} '

    assert (await upload(tags=sent)).json()["tags"] == json.dumps({"x": 1, "\u00fc": 1000.0})


def _scope(authorization: bytes) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": URL,
        "raw_path": URL.encode(),
        "query_string": b"",
        "headers": [
            (b"host", b"mlsploit.test"),
            (b"authorization", authorization),
            (b"content-type", b"multipart/form-data; boundary=X"),
        ],
    }
