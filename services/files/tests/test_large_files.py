"""The service as a process of its own: what memory a large file takes, in and out."""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import orjson
import psutil
import pytest

from services.files.tests.conftest import KEY, in_every_place
from services.files.tests.places import Bucket, Folder, Place
from shared.testing.eventually import eventually
from shared.testing.tokens import Signer

MEBIBYTE = 1024 * 1024
# The server of the tests keeps a bucket in its own memory, and takes its time.
FILE_BYTES = {Folder: 256 * MEBIBYTE, Bucket: 96 * MEBIBYTE}
ANSWER_SECONDS_MAX = 90
GROWTH_BYTES_MAX = 32 * MEBIBYTE

SERVE = """
import asyncio, json, sys, uvicorn
from pathlib import Path
from services.files.main import build
from services.files.settings import FilesSettings
from shared.testing.peers import Peers

folder, key, jwks, place = sys.argv[1:]
peers = Peers()
peers.answer("GET", "http://users:8000/auth/jwks.json", json=json.loads(jwks))
settings = {"data_dir": Path(folder), "nats_url": "", "link_key": key, "log_level": "ERROR"}
settings = FilesSettings.model_validate(settings | json.loads(place))
server = uvicorn.Server(uvicorn.Config(build(settings, transport=peers), port=0, log_level="error"))

async def serve():
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    await serving

asyncio.run(serve())
"""


@asynccontextmanager
async def _served(
    folder: Path, signer: Signer, place: Place
) -> AsyncIterator[tuple[str, psutil.Process]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVE, str(folder), KEY, orjson.dumps(signer.jwks()).decode()),
        orjson.dumps(dict(place.settings)).decode(),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        port = int(await asyncio.wait_for(process.stdout.readline(), 30))
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.kill()
        await process.communicate()


async def _large_form(digest: "hashlib._Hash", size: int) -> AsyncIterator[bytes]:
    yield b'--X\r\nContent-Disposition: form-data; name="blob"; filename="large.bin"\r\n\r\n'
    chunk = bytes(range(256)) * 4096
    for _ in range(size // len(chunk)):
        digest.update(chunk)
        yield chunk
    yield b"\r\n--X--\r\n"


@pytest.mark.timeout(120)
@in_every_place
async def test_memory_stays_flat_while_a_large_file_goes_in_and_out(
    tmp_path: Path, signer: Signer, place: Place
) -> None:
    headers = signer.headers(1) | {"content-type": "multipart/form-data; boundary=X"}
    sent, got = hashlib.sha256(), hashlib.sha256()
    size = FILE_BYTES[type(place)]
    async with (
        _served(tmp_path, signer, place) as (address, process),
        httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX) as client,
    ):
        await client.post(f"{address}/api/v1/files/", headers=signer.headers(1))  # Warm.
        before = process.memory_info().rss
        peak = before
        uploading = asyncio.create_task(
            client.post(
                f"{address}/api/v1/files/", headers=headers, content=_large_form(sent, size)
            )
        )

        async def is_uploaded() -> bool:
            nonlocal peak
            peak = max(peak, process.memory_info().rss)
            return uploading.done()

        await eventually(is_uploaded, within=ANSWER_SECONDS_MAX)
        file = uploading.result().json()
        async with client.stream("GET", file["blob_url"]) as answer:
            async for chunk in answer.aiter_bytes():
                got.update(chunk)
                peak = max(peak, process.memory_info().rss)

    assert (file["size"], file["sha256"]) == (size, sent.hexdigest())
    assert got.hexdigest() == sent.hexdigest()
    assert peak - before < GROWTH_BYTES_MAX, f"grew by {(peak - before) // MEBIBYTE} MiB"


@pytest.mark.timeout(60)
@in_every_place
async def test_a_client_that_vanishes_leaves_nothing_behind(
    tmp_path: Path, signer: Signer, place: Place
) -> None:
    async with _served(tmp_path, signer, place) as (address, _process):
        url = httpx.URL(address)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        head = (
            "POST /api/v1/files/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n"
            f"Authorization: {signer.headers(1)['Authorization']}\r\n"
            "Content-Type: multipart/form-data; boundary=X\r\n\r\n"
        )
        part = '--X\r\nContent-Disposition: form-data; name="blob"; filename="a.bin"\r\n\r\n'
        writer.write(head.encode() + part.encode() + b"x" * 9 * MEBIBYTE)
        await writer.drain()

        async def has_begun() -> bool:
            return bool(place.stored())

        async def is_clean() -> bool:
            return not place.stored()

        await eventually(has_begun)
        writer.transport.abort()
        await eventually(is_clean)
        del reader
