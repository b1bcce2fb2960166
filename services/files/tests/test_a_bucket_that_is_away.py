"""While a bucket does not answer, files are told of all the same; their contents are 503."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.files.errors import StorageAway
from services.files.sweeper import remove_due_blobs
from services.files.tests.conftest import URL, Uploads
from services.files.tests.places import Bucket, Place, new_bucket, s3_server
from shared.db import Database
from shared.testing.fixtures import SQLITE
from shared.testing.tokens import Signer

NAME = "comes-and-goes"


@dataclass
class Server:
    """An S3 server of the test's own, always at the same address."""

    port: int = 0
    bucket: Bucket = field(init=False)
    _running: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        client: Any = self._running.enter_context(s3_server(self.port))
        self.port = int(client.meta.endpoint_url.rpartition(":")[2])
        self.bucket = new_bucket(client, NAME)

    def stop(self) -> None:
        self._running.close()


@pytest.fixture
def server() -> Iterator[Server]:
    own = Server()
    own.start()
    yield own
    own.stop()


@pytest.fixture
def place(server: Server) -> Place:
    return server.bucket


@pytest.mark.parametrize("database_url", [SQLITE], indirect=True)
async def test_only_contents_are_away_while_the_bucket_is(
    app: FastAPI,
    upload: Uploads,
    client: httpx.AsyncClient,
    signer: Signer,
    database: Database,
    server: Server,
) -> None:
    file = (await upload()).json()
    server.stop()

    refused, unread = await upload(), await client.get(file["blob_url"])
    files = (await client.get(URL, headers=signer.headers(1))).json()
    readiness = await client.get("/readyz")

    for answer in (refused, unread):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json() == {"detail": "The service is temporarily unavailable."}
    assert [each["id"] for each in files] == [file["id"]]
    assert readiness.status_code == 503
    assert readiness.json()["checks"]["storage"].startswith("failed: ")

    # A deletion is a matter of the database; the content goes once it can.
    assert (await client.delete(file["url"], headers=signer.headers(1))).status_code == 204
    with pytest.raises(StorageAway):
        await remove_due_blobs(database, app.state.store)

    server.start()
    assert await remove_due_blobs(database, app.state.store) == 1
    assert (await upload()).status_code == 201
    assert (await client.get("/readyz")).status_code == 200
