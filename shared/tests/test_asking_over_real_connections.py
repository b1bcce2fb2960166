"""The network to peers as it is in production: sockets that are kept, closed, silent, or absent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from shared.auth import Caller
from shared.clients.runs import RunsClient
from shared.errors import Unavailable
from shared.http import pooled_client

CALLER = Caller(1, "ada", is_staff=False, token_id="x", token="secret-token", expires_at=4e9)
SAID = b'{"exists":true}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n" + SAID
Answerer = Callable[[int], bytes | None]


class Peer:
    """Says what `answerer` has for the n-th request, or hangs up where it has nothing."""

    def __init__(self, answerer: Answerer) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self._answerer = answerer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                answer = self._answerer(len(self.heads))
                if answer is None:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def asking(answerer: Answerer) -> AsyncIterator[tuple[RunsClient, Peer]]:
    peer = Peer(answerer)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, pooled_client(timeout_seconds=0.5) as http:
        yield RunsClient(http, f"http://127.0.0.1:{port}"), peer


async def test_calls_one_after_the_other_share_a_connection() -> None:
    async with asking(lambda _: ANSWER) as (runs, peer):
        assert [await runs.holder_exists("h", caller=CALLER) for _ in range(3)] == [True] * 3

    assert peer.connections == 1
    assert b"Token secret-token" in peer.heads[2]


async def test_a_connection_that_the_peer_closes_is_made_anew() -> None:
    async with asking(lambda count: None if count == 2 else ANSWER) as (runs, peer):
        assert [await runs.holder_exists("h", caller=CALLER) for _ in range(2)] == [True] * 2

    assert peer.connections == 2


@pytest.mark.parametrize("said", [None, b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"])
async def test_a_peer_that_hangs_up_or_falls_silent_is_unavailable(said: bytes | None) -> None:
    async with asking(lambda _: said) as (runs, _peer):
        with pytest.raises(Unavailable):
            await runs.holder_exists("h", caller=CALLER)


async def test_a_peer_that_speaks_no_http_is_unavailable() -> None:
    async with asking(lambda _: b"what?\r\n\r\n") as (runs, _peer):
        with pytest.raises(Unavailable):
            await runs.holder_exists("h", caller=CALLER)


async def test_a_peer_that_is_not_there_is_unavailable() -> None:
    async with pooled_client(timeout_seconds=0.5) as http:
        with pytest.raises(Unavailable):
            await RunsClient(http, "http://127.0.0.1:1").holder_exists("h", caller=CALLER)
