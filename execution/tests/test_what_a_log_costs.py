"""The traffic of a log: counted in bytes on the wire, both ways, never in time."""

import asyncio

from execution.claims import Claim
from execution.gateway import Gateway
from execution.joblog import CHUNK_BYTES_MAX, JobLog
from execution.testing.gateway import TOKEN, GatewayStandIn
from execution.testing.wire import counting_wire

MEBIBYTE = 1024 * 1024
MODULE = {"name": "sample", "repo_url": "https://example.org/sample.git", "commit": "c" * 40}


async def test_a_long_log_costs_hardly_more_traffic_than_its_size(gateway: GatewayStandIn) -> None:
    gateway.log_bytes_max = 100 * MEBIBYTE
    job = gateway.add_job(MODULE, "Talk")
    line = 'step "7" of \\ 10 \N{SNOWMAN}\n'.encode()
    output = line * (8 * MEBIBYTE // len(line))

    async with counting_wire(gateway.url) as wire:
        sender = Gateway(wire.url, TOKEN)
        claim: Claim = await sender.claim(job.id, "w1")

        async def send(offset: int, piece: bytes) -> None:
            await sender.append_log(claim, offset, piece)

        log = JobLog(send, 0, 100 * MEBIBYTE)
        streaming = asyncio.create_task(log.stream())
        for start in range(0, len(output), CHUNK_BYTES_MAX):
            log.emit(output[start : start + CHUNK_BYTES_MAX])
        log.close()
        await streaming
        await sender.close()

    assert job.logs.encode() == output
    assert wire.carried <= 1.1 * len(output)
