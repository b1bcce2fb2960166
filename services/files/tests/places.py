"""The places where the service under test keeps blobs, looked into from outside.

A bucket is one of a real S3 server, in a process of its own.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import boto3

LOCAL, S3 = "local", "s3"
PREFIX = "blobs"
KEY_ID, KEY = "tester", "a secret of the tests"


class Place(Protocol):
    @property
    def settings(self) -> Mapping[str, str]:
        """What makes the service use it."""
        ...

    def stored(self) -> list[str]:
        """Everything there: kept blobs and leftovers alike."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Past the service, as somebody who meddles does."""
        ...

    def lose(self, key: str) -> None: ...


@dataclass(frozen=True)
class Folder:
    root: Path
    settings: Mapping[str, str]

    def stored(self) -> list[str]:
        found = (path for path in self.root.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(self.root)) for path in found)

    def put(self, key: str, content: bytes) -> None:
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def lose(self, key: str) -> None:
        (self.root / key).unlink()


@dataclass(frozen=True)
class Bucket:
    client: Any
    name: str
    settings: Mapping[str, str]

    def stored(self) -> list[str]:
        kept = self.client.list_objects_v2(Bucket=self.name).get("Contents", ())
        begun = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ())
        return sorted(item["Key"].removeprefix(f"{PREFIX}/") for item in (*kept, *begun))

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=f"{PREFIX}/{key}", Body=content)

    def lose(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=f"{PREFIX}/{key}")


@contextmanager
def s3_server(port: int = 0) -> Iterator[Any]:
    """A client of a server that is there for as long as the block lasts; it forgets everything."""
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield boto3.client(
            "s3",
            endpoint_url=_address(process),
            region_name="us-east-1",
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=KEY,
        )
    finally:
        process.kill()
        process.communicate()


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError(f"the S3 server ended: {said}")


def new_bucket(client: Any, name: str = "") -> Bucket:
    name = name or f"test-{uuid4().hex}"
    client.create_bucket(Bucket=name)
    settings = {
        "storage_url": f"s3://{name}/{PREFIX}",
        "s3_endpoint_url": client.meta.endpoint_url,
        "s3_access_key_id": KEY_ID,
        "s3_secret_access_key": KEY,
    }
    return Bucket(client, name, settings)
