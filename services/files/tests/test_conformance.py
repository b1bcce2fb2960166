import shutil
from pathlib import Path

import httpx

from shared.testing.conformance import ServiceConformance


class TestFiles(ServiceConformance):
    collections = ("/api/v1/files/",)


async def test_a_store_that_cannot_be_written_makes_the_service_unready(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    blobs = tmp_path / "files" / "blobs"
    assert (await client.get("/readyz")).json()["checks"]["storage"] == "ok"
    shutil.rmtree(blobs)
    blobs.write_text("no directory")

    readiness = await client.get("/readyz")

    assert readiness.status_code == 503
    assert readiness.json()["checks"]["storage"].startswith("failed: ")
