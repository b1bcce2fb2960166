"""Three NATS servers that keep every stream together; each is a process that a test can kill."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.testing.processes import NatsServer

SERVERS = 3


@dataclass(frozen=True)
class NatsCluster:
    """By name."""

    servers: dict[str, NatsServer]

    @property
    def url(self) -> str:
        return ",".join(server.url for server in self.servers.values())


@asynccontextmanager
async def nats_cluster(folder: Path, *more: str) -> AsyncIterator[NatsCluster]:
    """With more options for each server."""
    ports = _free_ports()
    routes = ",".join(f"nats://127.0.0.1:{port}" for port in ports)
    cluster = NatsCluster({f"n{port}": _server(folder, port, routes, more) for port in ports})
    servers = cluster.servers.values()
    await asyncio.gather(*(server.start() for server in servers))
    try:
        yield cluster
    finally:
        await asyncio.gather(*(server.kill() for server in servers))


def _server(folder: Path, port: int, routes: str, more: tuple[str, ...]) -> NatsServer:
    name = f"n{port}"
    cluster = ("--cluster_name", "test", "--cluster", f"nats://127.0.0.1:{port}")
    options = ("--name", name, *cluster, "--routes", routes, *more)
    return NatsServer(folder / name, options=options)


def _free_ports() -> list[int]:
    """Each server must know the others before it starts."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(SERVERS)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
