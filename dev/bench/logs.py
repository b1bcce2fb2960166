"""`make bench-logs`: what a very long log costs, in traffic and in the memory of the runs service.

A system of its own, with the worker's own sender on a wire that counts bytes both ways. The peak of
the memory is what Linux notes of the process, begun anew after a short log has warmed it up.
"""

import asyncio
import hashlib
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from dev.faults import told_in_one_sentence
from dev.stack import Stack
from examples.demo.gateway import Gateway as Client
from examples.demo.gateway import Item
from execution.gateway import Gateway
from execution.joblog import CHUNK_BYTES_MAX, JobLog
from execution.testing.wire import counting_wire

MEBIBYTE = 1024 * 1024
WARM_UP_MEBIBYTES = 2
MEBIBYTES = 200
SETTINGS = {
    "MLSPLOIT_RUNS_LOG_BYTES_MAX": str(2 * MEBIBYTES * MEBIBYTE),
    # Nobody else takes the jobs, or their leases.
    "MLSPLOIT_MODULES": "",
    "MLSPLOIT_RUNS_LEASE_SECONDS": "3600",
}


class Memory:
    """Of one process, as Linux counts it."""

    def __init__(self, pid: int) -> None:
        self._folder = Path("/proc") / str(pid)
        (self._folder / "clear_refs").write_text("5")
        self._before = self._read("VmRSS")

    def growth(self) -> float:
        """MiB by which the peak since the beginning is above what there was then."""
        return (self._read("VmHWM") - self._before) / 1024

    def _read(self, name: str) -> int:
        found = re.search(rf"{name}:\s+(\d+) kB", (self._folder / "status").read_text())
        assert found is not None, f"Linux says nothing of {name}"
        return int(found[1])


@told_in_one_sentence
def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="mlsploit-") as folder,
        Stack(Path(folder), SETTINGS) as stack,
        Client(stack.url) as client,
    ):
        pipeline = _prepare(client)

        def new_job() -> int:
            return int(client.jobs(client.start_run(pipeline, []))[0]["id"])

        asyncio.run(_measure(stack, new_job))
    return 0


def _prepare(client: Client) -> Item:
    client.register(f"bench-{secrets.token_hex(6)}", secrets.token_urlsafe(16))
    pipeline = client.create_pipeline("bench")
    client.add_task(pipeline, client.functions("helloworld")["Greet"], {})
    return client.enable(pipeline)


async def _measure(stack: Stack, new_job: Callable[[], int]) -> None:
    await _send(stack, new_job(), WARM_UP_MEBIBYTES)
    memory, began, job_id = Memory(stack.pids["runs"]), time.monotonic(), new_job()
    digest, carried = await _send(stack, job_id, MEBIBYTES)
    seconds = time.monotonic() - began
    size = MEBIBYTES * MEBIBYTE
    print(f"a log of {MEBIBYTES} MiB sent in {seconds:.0f} s:")
    print(f"traffic {carried / size:.4f} times its size, both ways")
    print(f"the runs service's memory grew by {memory.growth():.0f} MiB at most")
    memory = Memory(stack.pids["runs"])
    assert await _read_digest(stack, job_id) == digest, "another log came back"
    print(f"read back, byte for byte the same: it grew by {memory.growth():.0f} MiB at most")


async def _send(stack: Stack, job_id: int, mebibytes: int) -> tuple[str, int]:
    """The digest of what was sent, and how many bytes the wire has carried."""
    digest = hashlib.sha256()
    async with counting_wire(stack.url) as wire:
        gateway = Gateway(wire.url, (stack.worker_dir / "token").read_text().strip())
        claim = await gateway.claim(job_id, "bench")
        before = wire.carried

        async def send(offset: int, piece: bytes) -> None:
            await gateway.append_log(claim, offset, piece)

        log = JobLog(send, 0, 2 * MEBIBYTES * MEBIBYTE)
        streaming = asyncio.create_task(log.stream())
        for output in _output(mebibytes):
            digest.update(output)
            log.emit(output)
            # A module waits for its reader as well.
            await asyncio.sleep(0)
        log.close()
        await streaming
        await gateway.close()
        return digest.hexdigest(), wire.carried - before


def _output(mebibytes: int) -> Iterator[bytes]:
    """Lines that no compression could hide behind."""
    for _ in range(mebibytes * MEBIBYTE // CHUNK_BYTES_MAX):
        yield (secrets.token_hex(CHUNK_BYTES_MAX // 2 - 1) + "\n\n").encode()


async def _read_digest(stack: Stack, job_id: int) -> str:
    headers = {"Authorization": f"Token {await _admin_token(stack)}"}
    digest = hashlib.sha256()
    async with (
        httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=60) as client,
        client.stream("GET", f"/api/v1/jobs/{job_id}/logs/") as answer,
    ):
        answer.raise_for_status()
        async for piece in answer.aiter_bytes():
            digest.update(piece)
    return digest.hexdigest()


async def _admin_token(stack: Stack) -> str:
    password = (stack.data_dir / "admin-password").read_text().strip()
    body = {"username": "admin", "password": password}
    async with httpx.AsyncClient(base_url=stack.url) as client:
        answer = await client.post("/auth/login/", json=body)
        answer.raise_for_status()
        token: str = answer.json()["token"]
        return token


if __name__ == "__main__":
    sys.exit(main())
