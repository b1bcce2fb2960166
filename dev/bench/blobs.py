"""`make bench-blobs`: how fast a large file goes up and down through the gateway, in what memory.

The client is one socket that does nothing else; the disk is what it is on this machine.
"""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from dev.bench.logs import MEBIBYTE, SETTINGS, Memory
from dev.bench.scene import Item, Person, made
from dev.bench.wire import multipart, request
from dev.faults import told_in_one_sentence
from dev.stack import Stack

MEBIBYTES = 1024
WATCHED = ("files", "traefik")


@told_in_one_sentence
def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-blobs", description=__doc__)
    parser.add_argument("--mebibytes", type=int, default=MEBIBYTES)
    asked = parser.parse_args()
    settings = SETTINGS | {"MLSPLOIT_FILES_UPLOAD_BYTES_MAX": str(asked.mebibytes * MEBIBYTE)}
    with (
        tempfile.TemporaryDirectory(prefix="mlsploit-") as folder,
        Stack(Path(folder), settings) as stack,
    ):
        asyncio.run(_measure(stack, asked.mebibytes))
    return 0


async def _measure(stack: Stack, mebibytes: int) -> None:
    person = Person.register(stack.url)
    await made(stack.url, [person.upload("warm.bin", bytes(MEBIBYTE))])
    memories = {name: Memory(stack.pids[name]) for name in WATCHED}
    began = time.monotonic()
    await _upload(person, mebibytes)
    _print("up", mebibytes, time.monotonic() - began, memories)
    file: Item = (await person.reads("/api/v1/files/?ordering=-id&limit=1"))[0]
    memories = {name: Memory(stack.pids[name]) for name in WATCHED}
    began = time.monotonic()
    got = await _download(person, urlsplit(file["blob_url"]).path)
    assert got >= mebibytes * MEBIBYTE, f"only {got} bytes came"
    _print("down", mebibytes, time.monotonic() - began, memories)


async def _upload(person: Person, mebibytes: int) -> None:
    piece = secrets.token_bytes(MEBIBYTE)
    kind, form = multipart("large.bin", b"|")
    head, _, tail = form.rpartition(b"|")
    size = len(head) + mebibytes * MEBIBYTE + len(tail)
    raw = request("POST", "/api/v1/files/", person.token, b"-", kind=kind)
    raw = raw[:-1].replace(b"Content-Length: 1\r\n", b"Content-Length: %d\r\n" % size)
    reader, writer = await _connect(person)
    writer.write(raw + head)
    for _ in range(mebibytes):
        writer.write(piece)
        await writer.drain()
    writer.write(tail)
    status = await reader.readline()
    assert b" 201 " in status, status
    writer.close()


async def _download(person: Person, path: str) -> int:
    reader, writer = await _connect(person)
    writer.write(person.get(path, Connection="close"))
    got = 0
    while piece := await reader.read(MEBIBYTE):
        got += len(piece)
    writer.close()
    return got


async def _connect(person: Person) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(person.url)
    return await asyncio.open_connection(address.hostname, address.port, limit=4 * MEBIBYTE)


def _print(way: str, mebibytes: int, seconds: float, memories: dict[str, Memory]) -> None:
    speed = mebibytes * MEBIBYTE / 1e6 / seconds
    grown = ", ".join(f"{name} {memory.growth():.0f}" for name, memory in memories.items())
    print(f"{way:5}{speed:7.0f} MB/s; memory above what it had, MiB: {grown}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
