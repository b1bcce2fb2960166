"""What the kernel does for every list and every POST, on this service's own."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from services.files.tests.conftest import in_every_place
from shared import paging
from shared.testing.tokens import Signer

FILES = "/api/v1/files/"
Uploads = Callable[..., Awaitable[httpx.Response]]
StoredBlobs = Callable[[], list[str]]


async def test_files_go_in_pages_with_their_versions(
    client: httpx.AsyncClient, signer: Signer, upload: Uploads
) -> None:
    parent = (await upload("parent.txt")).json()
    child = (await upload("child.txt", parent_file=parent["url"])).json()
    await upload("theirs.txt", user=2)

    first = await client.get(f"{FILES}?limit=1&kind=INPUT", headers=signer.headers(1))
    rest = await client.get(first.links["next"]["url"], headers=signer.headers(1))

    [shown] = first.json()
    assert (shown["name"], shown["modified_versions"]) == ("parent.txt", [child["url"]])
    assert [file["name"] for file in rest.json()] == ["child.txt"]
    assert "next" not in rest.links


async def test_files_are_sorted_by_date_of_upload(
    client: httpx.AsyncClient, signer: Signer, upload: Uploads
) -> None:
    uploaded = [(await upload(name)).json() for name in ("a", "b", "c")]
    newest = f"{FILES}?ordering=-date_uploaded&created_after={uploaded[0]['date_uploaded']}"
    listed = (await client.get(newest, headers=signer.headers(1))).json()
    assert [file["name"] for file in listed] == ["c", "b"]


async def test_a_long_list_of_files_is_the_same_when_it_is_made_in_parts(
    client: httpx.AsyncClient,
    signer: Signer,
    upload: Uploads,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parent = (await upload("parent.txt")).json()
    for number in range(4):
        await upload(f"{number}.txt", parent_file=parent["url"])
    addresses = [FILES, f"{FILES}?ordering=-date_uploaded", f"{FILES}?fields=id,modified_versions"]
    whole = [await client.get(one, headers=signer.headers(1)) for one in addresses]
    monkeypatch.setattr(paging, "LIMIT_MAX", 2)
    parts = [await client.get(one, headers=signer.headers(1)) for one in addresses]

    assert [answer.content for answer in parts] == [answer.content for answer in whole]
    assert len(parts[0].json()[0]["modified_versions"]) == 4


@in_every_place
async def test_an_upload_whose_answer_was_lost_is_not_stored_twice(
    client: httpx.AsyncClient, signer: Signer, stored: StoredBlobs
) -> None:
    async def send(content: bytes, name: str = "a.txt") -> httpx.Response:
        # As the worker does: a new boundary each time, and a token for jobs only.
        return await client.post(
            FILES,
            data={"owner": "/api/v1/users/1/", "kind": "OUTPUT"},
            files={"blob": (name, content)},
            headers={
                **signer.headers(9, is_staff=True, scopes="jobs:execute"),
                "Idempotency-Key": "lease/a.txt",
            },
        )

    first, again = await send(b"x" * 50_000), await send(b"x" * 50_000)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert len(stored()) == 1
    assert (await send(b"y" * 50_000)).status_code == 422
    assert (await send(b"x" * 50_000, "b.txt")).status_code == 422
    assert len(stored()) == 1


async def test_a_refused_upload_leaves_its_key_free(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    headers = {**signer.headers(1), "Idempotency-Key": "k"}
    for content, status in ((b"", 400), (b"x" * 200_000, 413), (b"x", 201)):
        answer = await client.post(FILES, files={"blob": ("a.txt", content)}, headers=headers)
        assert answer.status_code == status


async def test_a_change_made_on_an_old_view_of_a_file_is_refused(
    client: httpx.AsyncClient, signer: Signer, upload: Uploads
) -> None:
    url = (await upload()).json()["url"]
    tag = (await client.get(url, headers=signer.headers(1))).headers["etag"]
    headers = {**signer.headers(1), "If-Match": tag}
    unchanged = {**signer.headers(1), "If-None-Match": tag}

    assert (await client.get(url, headers=unchanged)).status_code == 304
    assert (await client.patch(url, json={"tags": '{"a": 1}'}, headers=headers)).status_code == 200
    assert (await client.patch(url, json={"tags": "{}"}, headers=headers)).status_code == 412
    assert (await client.delete(url, headers=headers)).status_code == 412
