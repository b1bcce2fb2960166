import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
from fastapi import FastAPI

from services.files.links import MediaLinks
from services.files.media import content_type
from services.files.names import base_name
from services.files.storage.local import LocalStore
from services.files.tests.conftest import KEY, Uploads, in_every_place
from shared.testing.tokens import Signer

CONTENT = b"0123456789"


@in_every_place
async def test_a_link_needs_no_header_and_says_the_same_again(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    file = (await upload("a.txt", CONTENT)).json()

    answer = await client.get(file["blob_url"])
    again = (await client.get(file["url"], headers=signer.headers(1))).json()

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("inline")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert answer.headers["etag"] == f'"{file["sha256"]}"'
    assert again["blob_url"] == file["blob_url"]


@in_every_place
@pytest.mark.parametrize(
    ("asked", "status", "content", "described"),
    [
        ("bytes=0-4", 206, b"01234", "bytes 0-4/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=0-9", 200, CONTENT, None),
        ("bytes=-99", 200, CONTENT, None),
        ("bytes=5-2", 200, CONTENT, None),
        ("bytes=-", 200, CONTENT, None),
        ("bytes=0-1,4-5", 200, CONTENT, None),
        ("lines=0-4", 200, CONTENT, None),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
    ],
)
async def test_one_range_is_served_and_a_strange_one_ignored(
    upload: Uploads,
    client: httpx.AsyncClient,
    asked: str,
    status: int,
    content: bytes | None,
    described: str | None,
) -> None:
    link = (await upload("a.bin", CONTENT)).json()["blob_url"]

    answer = await client.get(link, headers={"Range": asked})

    assert answer.status_code == status
    assert content is None or answer.content == content
    assert answer.headers.get("content-range") == described


async def test_a_range_of_another_version_is_the_whole(
    upload: Uploads, client: httpx.AsyncClient
) -> None:
    file = (await upload("a.bin", CONTENT)).json()
    asked = {"Range": "bytes=0-1"}

    same = await client.get(file["blob_url"], headers=asked | {"If-Range": f'"{file["sha256"]}"'})
    other = await client.get(file["blob_url"], headers=asked | {"If-Range": '"other"'})

    assert (same.status_code, other.status_code) == (206, 200)


async def test_what_the_client_has_is_not_sent_again(
    upload: Uploads, client: httpx.AsyncClient
) -> None:
    file = (await upload()).json()

    for known in (f'"{file["sha256"]}"', f'"x", W/"{file["sha256"]}"', "*"):
        answer = await client.get(file["blob_url"], headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
    answer = await client.get(file["blob_url"], headers={"If-None-Match": '"x"'})
    assert answer.status_code == 200


class UnreadableStore(LocalStore):
    async def open(self, key: str, *, start: int, stop: int) -> AsyncIterator[bytes]:
        raise AssertionError(f"bytes {start} to {stop} of {key} were read")


async def test_head_tells_the_size_without_reading_the_blob(
    app: FastAPI, upload: Uploads, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    link = (await upload("a.bin", CONTENT)).json()["blob_url"]
    app.state.store = UnreadableStore(tmp_path)

    answer = await client.head(link)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "10"


async def test_a_made_up_or_foreign_link_is_404_in_json(
    upload: Uploads, client: httpx.AsyncClient
) -> None:
    link = urlsplit((await upload("a.txt")).json()["blob_url"]).path
    other = MediaLinks("another key of twenty-five characters", days=7).signing()(1)
    file_id, end, signature = link.split("/")[3].split(".")
    wrong = (
        f"/media/files/{other}/a.txt",
        f"/media/files/{file_id}.{int(end) + 1}.{signature}/a.txt",
        f"/media/files/2.{end}.{signature}/a.txt",
        link.replace("a.txt", "b.txt"),
        "/media/files/zzzzzzzz/none.txt",
        "/media/files/",
        f"/media/files/{MediaLinks(KEY, days=7).signing()(77)}/a.txt",
    )

    for path in wrong:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."}), path


def test_a_link_ends_between_one_and_two_periods_from_now() -> None:
    links = MediaLinks(KEY, days=7)
    end = int(links.signing()(5).split(".")[1])

    assert 7 * 86400 <= end - time.time() <= 14 * 86400
    assert links.file_id(links.signing()(5)) == 5


def test_a_link_at_its_end_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    links = MediaLinks(KEY, days=7)
    link = links.signing()(5)
    end = int(link.split(".")[1])

    monkeypatch.setattr("services.files.links.time.time", lambda: float(end))

    assert links.file_id(link) is None


@pytest.mark.parametrize(
    "name", ["my file.txt", "100% \u00fc?#&;+.txt", 'a"b\\u.png', "\u4e2d\u6587.txt", "a,b=c.txt"]
)
async def test_any_name_travels_in_the_url_and_in_the_header(
    upload: Uploads, client: httpx.AsyncClient, name: str
) -> None:
    sent = await upload(name)
    kept = sent.json()["name"]

    answer = await client.get(sent.json()["blob_url"])

    assert answer.status_code == 200
    assert sent.json()["blob_url"].endswith("/" + quote(kept, safe=""))
    assert f"filename*=UTF-8''{quote(kept, safe='')}" in answer.headers["content-disposition"]
    assert base_name(kept) == kept


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("a.html", "text/html; charset=utf-8", "attachment"),
        ("a.svg", "image/svg+xml", "attachment"),
        ("a.js", "application/javascript", "attachment"),
        ("a.xml", "text/xml; charset=utf-8", "attachment"),
        ("a.png", "image/png", "inline"),
        ("a.webp", "image/webp", "inline"),
        ("a.csv", "text/csv; charset=utf-8", "inline"),
        ("a.tar.gz", "application/gzip", "attachment"),
        ("noextension", "application/octet-stream", "attachment"),
    ],
)
async def test_what_a_browser_could_run_is_a_download(
    upload: Uploads, client: httpx.AsyncClient, name: str, kind: str, shown: str
) -> None:
    answer = await client.get((await upload(name)).json()["blob_url"])

    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"].partition(";")[0] == shown
    assert "content-encoding" not in answer.headers


def test_a_name_that_is_only_an_ending_has_its_type() -> None:
    assert content_type(".png") == "image/png"


async def test_a_method_other_than_get_is_refused(
    upload: Uploads, client: httpx.AsyncClient
) -> None:
    assert (await client.post((await upload()).json()["blob_url"])).status_code == 405
