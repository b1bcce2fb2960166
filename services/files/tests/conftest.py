"""The files service for its tests: real database, real blobs; users and runs are played."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.files.main import build
from services.files.settings import FilesSettings
from services.files.tests.places import LOCAL, S3, Folder, Place, new_bucket, s3_server
from shared.testing.peers import Peers
from shared.testing.tokens import Signer

in_every_place = pytest.mark.parametrize("place", [LOCAL, S3], indirect=True)
KEY = "a key of more than twenty-five characters"
KNOWN_USERS = (1, 2, 9)
ADMIN = 9
URL = "/api/v1/files/"
NO_FILE = {"blob": ["No file was submitted."]}

Uploads = Callable[..., Awaitable[httpx.Response]]
Holds = Callable[..., Awaitable[httpx.Response]]
StoredBlobs = Callable[[], list[str]]


def _users_that_exist(request: httpx.Request) -> httpx.Response:
    asked = int(request.url.params["id"])
    found = [{"id": asked, "username": f"user{asked}"}] if asked in KNOWN_USERS else []
    return httpx.Response(200, json=found)


@pytest.fixture(scope="session")
def s3_client() -> Iterator[Any]:
    with s3_server() as client:
        yield client


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A directory; a test marked with `in_every_place` runs with a bucket, too."""
    if getattr(request, "param", LOCAL) == S3:
        return new_bucket(request.getfixturevalue("s3_client"))
    return Folder(tmp_path / "files" / "blobs", settings={})


@pytest.fixture
def build_service(database_url: str, place: Place) -> Callable[[Path, Peers], FastAPI]:
    def build_files(folder: Path, peers: Peers) -> FastAPI:
        peers.play("GET", "http://users:8000/internal/users/", _users_that_exist)
        settings = {
            "data_dir": folder,
            "nats_url": "",
            "database_url": database_url,
            "link_key": KEY,
            "upload_bytes_max": 100_000,
            **place.settings,
        }
        return build(FilesSettings.model_validate(settings), transport=peers)

    return build_files


@pytest.fixture
def stored(place: Place) -> StoredBlobs:
    return place.stored


@pytest.fixture
def upload(client: httpx.AsyncClient, signer: Signer) -> Uploads:
    """`await upload("a.txt", b"content", tags="{}")`, as user 1 unless said otherwise."""

    async def send(
        name: str = "a.txt",
        content: bytes = b"hello",
        *,
        user: int = 1,
        is_staff: bool = False,
        **fields: str,
    ) -> httpx.Response:
        return await client.post(
            "/api/v1/files/",
            headers=signer.headers(user, is_staff=is_staff),
            data=fields,
            files={"blob": (name, content)},
        )

    return send


@pytest.fixture
def hold(client: httpx.AsyncClient, signer: Signer) -> Holds:
    """`await hold("run-1", [1, 2])`: keep files for a run of user 1."""

    async def send(
        holder: str,
        file_ids: list[int],
        *,
        role: str = "input",
        owner: int = 1,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        body: dict[str, Any] = {
            "holder": holder,
            "role": role,
            "owner_id": owner,
            "file_ids": file_ids,
        }
        return await client.post(
            "/internal/references/", headers=headers or signer.headers(owner), json=body
        )

    return send


def form(*parts: tuple[str, bytes], end: bytes = b"--X--\r\n") -> bytes:
    """A multipart body by hand: Content-Disposition and content of each part."""
    return (
        b"".join(
            b"--X\r\nContent-Disposition: form-data; "
            + disposition.encode()
            + b"\r\n\r\n"
            + data
            + b"\r\n"
            for disposition, data in parts
        )
        + end
    )


async def post(client: httpx.AsyncClient, signer: Signer, body: bytes) -> httpx.Response:
    headers = signer.headers(1) | {"content-type": "multipart/form-data; boundary=X"}
    return await client.post(URL, headers=headers, content=body)
