"""What an upload may cost, and what is left of one that costs too much: nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from services.files.main import build
from services.files.settings import FilesSettings
from services.files.tests.conftest import KEY, URL, StoredBlobs, Uploads, form, post
from shared.testing.disks import fill, small_disk
from shared.testing.fixtures import HOST
from shared.testing.peers import Peers
from shared.testing.tokens import Signer

pytestmark = pytest.mark.attack

FILE_MAX, USER_MAX = 100_000, 150_000
KIBIBYTE = 1024
BLOB = 'name="blob"; filename="a.txt"'
IN_PARTS = {"content-type": "multipart/form-data; boundary=X"}


def settings(folder: Path, *, database_url: str = "", storage: Path | None = None) -> FilesSettings:
    return FilesSettings(
        data_dir=folder,
        nats_url="",
        database_url=database_url,
        link_key=KEY,
        storage_dir=storage,
        upload_bytes_max=FILE_MAX if storage is None else 10**9,
        user_bytes_max=USER_MAX if storage is None else 10**9,
        body_idle_seconds=0.3,
    )


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    def build_files(folder: Path, peers: Peers) -> FastAPI:
        return build(settings(folder, database_url=database_url), transport=peers)

    return build_files


async def test_a_file_has_a_largest_size_and_the_refusal_tells_it(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer, stored: StoredBlobs
) -> None:
    too_much = {"detail": f"A file may have at most {FILE_MAX} bytes."}
    assert (await upload(content=b"x" * FILE_MAX)).status_code == 201
    before = stored()

    over = await upload(content=b"x" * (FILE_MAX + 1), user=2)
    assert (over.status_code, over.json()) == (413, too_much)

    async def without_end() -> AsyncIterator[bytes]:
        yield form((BLOB, b""), end=b"")[:-2]
        while True:
            yield b"x" * 10_000

    endless = await client.post(URL, headers=signer.headers(2) | IN_PARTS, content=without_end())
    assert (endless.status_code, endless.json()) == (413, too_much)
    announced = {"content-length": str(10**15)}
    huge = await client.post(URL, headers=signer.headers(2) | IN_PARTS | announced, content=b"--X")
    assert (huge.status_code, huge.json()) == (413, too_much)
    assert stored() == before


async def test_all_files_of_a_user_together_have_a_largest_size(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer, stored: StoredBlobs
) -> None:
    first = await upload(content=b"x" * FILE_MAX)
    refused = await upload(content=b"x" * 60_000)

    detail = (
        f"The file has 60000 bytes, and its owner's files have {FILE_MAX} of the {USER_MAX} "
        "that they may have."
    )
    assert (refused.status_code, refused.json()) == (413, {"detail": detail})
    assert len(stored()) == 1
    assert (await upload(content=b"x" * 50_000)).status_code == 201
    assert (await upload(content=b"x" * 60_000, user=2)).status_code == 201
    await client.delete(first.json()["url"], headers=signer.headers(1))
    assert (await upload(content=b"x" * 60_000)).status_code == 201


async def test_of_uploads_at_once_no_more_are_kept_than_fit(upload: Uploads) -> None:
    answers = await asyncio.gather(*(upload(content=b"x" * 60_000) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201, 201, 413, 413, 413, 413]


async def test_an_upload_that_falls_silent_is_given_up_and_leaves_nothing(
    client: httpx.AsyncClient, signer: Signer, stored: StoredBlobs
) -> None:
    async def falls_silent() -> AsyncIterator[bytes]:
        yield form((BLOB, b"x" * 50_000), end=b"")
        await asyncio.Event().wait()

    answer = await client.post(URL, headers=signer.headers(1) | IN_PARTS, content=falls_silent())

    assert answer.status_code == 408
    assert stored() == []


async def test_ten_thousand_parts_are_refused(
    client: httpx.AsyncClient, signer: Signer, stored: StoredBlobs
) -> None:
    for disposition in ('name="x"', BLOB):
        answer = await post(client, signer, form(*[(disposition, b"x")] * 10_000))

        assert (answer.status_code, list(answer.json())) == (400, ["detail"])
        assert stored() == []


async def test_a_compressed_upload_is_refused_before_it_is_unpacked(
    client: httpx.AsyncClient, signer: Signer, stored: StoredBlobs
) -> None:
    headers = signer.headers(1) | IN_PARTS | {"content-encoding": "gzip"}
    answer = await client.post(URL, headers=headers, content=form((BLOB, b"x")))

    assert answer.status_code == 415
    assert stored() == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\\\..\\\\boot.ini", "boot.ini"),
        ("/dev/sda", "sda"),
        ("a\tb\x7f\x85c.txt", "abc.txt"),
        ("CON", "CON"),
        ("NUL.txt", "NUL.txt"),
        ("invoice\u202egnp.exe", "invoice\u202egnp.exe"),
        ("-rf", "-rf"),
        ("~root", "~root"),
        ("$(id).txt", "$(id).txt"),
        (".htaccess", ".htaccess"),
        ("a.txt%00.png", "a.txt%00.png"),
        ("\u2025\u2215etc", "\u2025\u2215etc"),
    ],
)
async def test_a_name_is_data_and_never_a_place(
    client: httpx.AsyncClient, signer: Signer, stored: StoredBlobs, sent: str, kept: str
) -> None:
    answer = await post(client, signer, form((f'name="blob"; filename="{sent}"', b"x")))

    assert (answer.status_code, answer.json()["name"]) == (201, kept)
    [place] = stored()
    assert place.replace("/", "").isalnum()
    served = await client.get(answer.json()["blob_url"])
    disposition = served.headers["content-disposition"]
    assert (served.content, disposition.isascii(), disposition.isprintable()) == (b"x", True, True)


@pytest.fixture
def full_soon(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", size_bytes=2048 * KIBIBYTE) as disk:
        yield disk


@pytest.fixture
async def on_small_disk(
    tmp_path: Path, peers: Peers, full_soon: Path
) -> AsyncIterator[httpx.AsyncClient]:
    app = build(settings(tmp_path, storage=full_soon), transport=peers)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=HOST
        ) as client,
    ):
        yield client


async def test_a_disk_that_fills_up_in_the_middle_keeps_nothing_and_the_service_lives(
    on_small_disk: httpx.AsyncClient, signer: Signer, full_soon: Path
) -> None:
    headers = signer.headers(1)

    async def send(size: int) -> httpx.Response:
        blob = {"blob": ("a.bin", b"x" * size)}
        return await on_small_disk.post(URL, headers=headers, files=blob)

    assert (await send(100 * KIBIBYTE)).status_code == 201
    full = await send(4096 * KIBIBYTE)
    assert (full.status_code, full.json()) == (
        507,
        {"detail": "The system has no room for this file."},
    )
    assert [path for path in (full_soon / "incoming").iterdir() if path.is_file()] == []
    assert len((await on_small_disk.get(URL, headers=headers)).json()) == 1
    assert (await send(100 * KIBIBYTE)).status_code == 201

    filler = fill(full_soon)
    assert (await send(KIBIBYTE)).status_code == 507
    told = await on_small_disk.get("/readyz")
    assert (told.status_code, told.json()["checks"]["storage"]) == (
        503,
        "failed: No space left on device",
    )
    filler.unlink()
    assert (await send(KIBIBYTE)).status_code == 201
