"""What an operator's tools are told of what is stored."""

import math

import httpx
from fastapi import FastAPI
from prometheus_client import REGISTRY

from services.files.measuring import measure
from services.files.tests.conftest import URL, Uploads
from shared.testing.tokens import Signer


async def test_files_their_bytes_and_the_room_left_are_told(
    upload: Uploads, app: FastAPI, client: httpx.AsyncClient, signer: Signer
) -> None:
    await upload("a.txt", b"hello")
    second = (await upload("b.txt", b"you")).json()

    await measure(app.state.database, app.state.settings)

    assert (told("mlsploit_files"), told("mlsploit_blob_bytes")) == (2, 8)
    assert told("mlsploit_storage_free_bytes") > 0
    await client.delete(f"{URL}{second['id']}/", headers=signer.headers())
    await measure(app.state.database, app.state.settings)
    assert (told("mlsploit_files"), told("mlsploit_blob_bytes")) == (1, 5)
    assert told("mlsploit_blobs_doomed") == 1


async def test_a_bucket_is_never_nearly_full(app: FastAPI) -> None:
    in_a_bucket = app.state.settings.model_copy(update={"storage_url": "s3://bucket"})
    await measure(app.state.database, in_a_bucket)

    assert told("mlsploit_storage_free_bytes") == math.inf


def told(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0
