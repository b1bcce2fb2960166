"""Real repositories, a real NATS and a small gateway for the worker's tests."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from nats import connect

from execution.claims import ModuleVersion
from execution.testing.docker_bench import Bench
from execution.testing.gateway import GatewayStandIn, running_gateway
from execution.testing.harness import Harness, working
from execution.testing.repositories import make_repository
from shared.testing.processes import NatsServer

MakeModule = Callable[..., ModuleVersion]
Work = Callable[..., AbstractAsyncContextManager[Harness]]


@pytest.fixture
def make_module(tmp_path: Path) -> MakeModule:
    """A module of `run.sh` and other files, in a repository of its own."""

    def make(run: str, name: str = "sample", **files: str) -> ModuleVersion:
        named = {path.replace("__", "."): content for path, content in files.items()}
        return make_repository(tmp_path / "repositories" / name, {"run.sh": run, **named})

    return make


@pytest.fixture
async def gateway() -> AsyncIterator[GatewayStandIn]:
    async with running_gateway() as stand_in:
        yield stand_in


@pytest.fixture
async def work(gateway: GatewayStandIn, nats: NatsServer, tmp_path: Path) -> AsyncIterator[Work]:
    """`async with work() as worker`: a worker that is ready, and stopped at the end."""
    client = await connect(nats.url)

    def begin(**options: object) -> AbstractAsyncContextManager[Harness]:
        return working(gateway, client, nats.url, tmp_path / "worker", **options)

    yield begin
    await client.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Only where there is an engine."""
    bench = Bench(tmp_path)
    yield bench
    await bench.clear()
