"""Internal calls: the caller's token goes along, a silent peer is said to be away."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import httpx
import pytest
import structlog

from shared.auth import Caller
from shared.clients.asking import PeerRefused
from shared.clients.batches import IDS_PER_CALL_MAX
from shared.clients.modules import ModulesClient
from shared.clients.runs import RunsClient
from shared.errors import Forbidden, Unavailable
from shared.http import ANSWER_BYTES_MAX, pooled_client
from shared.testing.peers import Peers

RUNS = "http://runs:8000"
MODULES = "http://modules:8000"
CALLER = Caller(1, "ada", is_staff=False, token_id="x", token="secret-token", expires_at=4e9)


@pytest.fixture
def runs(peers: Peers) -> RunsClient:
    return RunsClient(pooled_client(timeout_seconds=1, transport=peers), RUNS)


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    with structlog.contextvars.bound_contextvars(
        **{"x-request-id": "r-1", "x-forwarded-host": "api.example.org"}
    ):
        yield


async def test_a_call_carries_the_callers_token_and_the_clients_host(
    runs: RunsClient, peers: Peers
) -> None:
    peers.answer("GET", f"{RUNS}/internal/holders/", json={"exists": True})

    assert await runs.holder_exists("h", caller=CALLER)

    [asked] = peers.asked
    assert asked.headers["authorization"] == "Token secret-token"
    assert asked.headers["x-request-id"] == "r-1"
    assert asked.headers["x-forwarded-host"] == "api.example.org"


async def test_any_number_of_things_is_asked_for_in_batches(runs: RunsClient, peers: Peers) -> None:
    peers.answer("GET", f"{RUNS}/internal/runs/", json=[])

    await runs.ids_by_pipeline(list(range(2 * IDS_PER_CALL_MAX + 1)), caller=CALLER)

    assert len(peers.asked) == 3


async def test_nothing_to_ask_for_asks_nobody(runs: RunsClient, peers: Peers) -> None:
    assert await runs.ids_by_pipeline([], caller=CALLER) == {}
    assert peers.asked == []


async def test_a_connection_that_was_just_closed_is_tried_once_more(
    runs: RunsClient, peers: Peers
) -> None:
    calls = 0

    def closed_at_first(request: httpx.Request) -> httpx.Response:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise httpx.RemoteProtocolError("server disconnected", request=request)
        return httpx.Response(200, json={"exists": False})

    peers.play("GET", f"{RUNS}/internal/holders/", closed_at_first)

    assert not await runs.holder_exists("h", caller=CALLER)


async def test_a_silent_peer_is_unavailable(runs: RunsClient, peers: Peers) -> None:
    peers.silence("GET", f"{RUNS}/internal/holders/")

    with pytest.raises(Unavailable) as refusal:
        await runs.holder_exists("h", caller=CALLER)
    assert refusal.value.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("status", "error"), [(500, Unavailable), (503, Unavailable), (404, PeerRefused)]
)
async def test_a_peers_fault_is_not_ours_but_its_refusal_is_told(
    runs: RunsClient, peers: Peers, status: int, error: type[Exception]
) -> None:
    peers.answer("GET", f"{RUNS}/internal/holders/", json={"detail": "x"}, status=status)

    with pytest.raises(error):
        await runs.holder_exists("h", caller=CALLER)


async def test_what_a_peer_says_is_unchanged_is_not_sent_again_and_never_told_to_others(
    peers: Peers,
) -> None:
    address, body = f"{RUNS}/internal/holders/", {"exists": True}
    tag, sent = '"1"', 0

    def play(request: httpx.Request) -> httpx.Response:
        nonlocal sent
        if request.headers.get("if-none-match") == tag:
            return httpx.Response(304)
        sent += 1
        return httpx.Response(200, json=body, headers={"ETag": tag})

    peers.play("GET", address, play)
    runs = RunsClient(pooled_client(timeout_seconds=1, transport=peers), RUNS)

    assert [await runs.holder_exists("h", caller=CALLER) for _ in range(3)] == [True] * 3
    assert sent == 1

    await runs.holder_exists("h", caller=replace(CALLER, token="another"))
    assert sent == 2

    body["exists"], tag = False, '"2"'
    assert [await runs.holder_exists("h", caller=CALLER) for _ in range(2)] == [False] * 2
    assert sent == 3
    assert len(peers.asked) == 6


async def test_who_can_do_with_an_older_answer_asks_only_when_it_is_too_old(peers: Peers) -> None:
    functions = _play_functions(peers)
    modules = ModulesClient(pooled_client(timeout_seconds=1, transport=peers), MODULES)

    async def commit(seconds_old_max: float, caller: Caller = CALLER) -> str:
        found = await modules.functions([7], caller=caller, seconds_old_max=seconds_old_max)
        return found[7].commit

    assert await commit(3600) == "old"
    functions[0]["commit"] = "new"
    assert await commit(3600) == "old"
    assert len(peers.asked) == 1

    # Others never get it, and who asks for no age at all is never told what was.
    assert await commit(3600, replace(CALLER, token="another")) == "new"
    assert await commit(0) == "new"
    assert len(peers.asked) == 3

    # Unchanged is as good as new.
    assert await commit(0) == "new"
    assert await commit(3600) == "new"
    assert len(peers.asked) == 4


def _play_functions(peers: Peers) -> list[dict[str, object]]:
    functions: list[dict[str, object]] = [
        {
            "id": 7,
            "name": "Greet",
            "module": "http://modules/api/v1/modules/1/",
            "module_name": "greet",
            "repo_url": "https://example.org/greet.git",
            "commit": "old",
            "options": "[]",
            "expected_filetype": "txt",
            "optional_filetypes": "[]",
        }
    ]

    def play(request: httpx.Request) -> httpx.Response:
        tag = f'"{functions[0]["commit"]}"'
        if request.headers.get("if-none-match") == tag:
            return httpx.Response(304)
        return httpx.Response(200, json=functions, headers={"ETag": tag})

    peers.play("GET", f"{MODULES}/api/v1/functions/", play)
    return functions


@pytest.mark.attack
@pytest.mark.parametrize("status", [200, 403, 404])
@pytest.mark.parametrize(
    "content",
    [
        b"<html><h1>It works!</h1></html>",
        b'{"exists": tr',
        b'{"exists"}',
        b"[]",
        b'["exists"]',
        b"7",
        b'"text"',
        b"null",
        b"",
        b"{}",
        b"\xff\xfe",
        b"[" * 10_000,
    ],
)
async def test_an_answer_that_is_rubbish_is_no_answer(
    runs: RunsClient, peers: Peers, status: int, content: bytes
) -> None:
    peers.play(
        "GET", f"{RUNS}/internal/holders/", lambda _: httpx.Response(status, content=content)
    )

    with pytest.raises((Unavailable, Forbidden, PeerRefused)) as refusal:
        await runs.holder_exists("h", caller=CALLER)
    assert status != 200 or refusal.type is Unavailable


@pytest.mark.attack
async def test_an_answer_without_an_end_is_given_up(peers: Peers) -> None:
    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0.01)  # tidy: allow no-sleep - a peer that is slow for ever

    peers.play("GET", f"{RUNS}/internal/holders/", lambda _: httpx.Response(200, stream=Endless()))
    runs = RunsClient(pooled_client(timeout_seconds=0.1, transport=peers), RUNS)

    with pytest.raises(Unavailable):
        await runs.holder_exists("h", caller=CALLER)


@pytest.mark.attack
@pytest.mark.parametrize("framing", ["", "Transfer-Encoding: chunked", "Content-Encoding: gzip"])
async def test_an_answer_is_read_only_so_far(
    framing: str, record_property: Callable[[str, object], None]
) -> None:
    """From a real server, as fast as it can send, and for as long as anybody reads."""
    sent, over = 0, asyncio.Event()
    piece = b" " * 65536
    if framing == "Content-Encoding: gzip":
        piece = gzip.compress(b" " * ANSWER_BYTES_MAX * 2)
    chunk = b"%x\r\n%s\r\n" % (len(piece), piece) if "chunked" in framing else piece

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(f"HTTP/1.1 200 OK\r\nConnection: close\r\n{framing}\r\n".encode())
            writer.write(b"\r\n" if framing else b"")
            while True:
                writer.write(chunk)
                await writer.drain()
                sent += len(chunk)
        except OSError:
            over.set()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with pooled_client(timeout_seconds=30) as http:
            with pytest.raises(Unavailable):
                await RunsClient(http, f"http://127.0.0.1:{port}").holder_exists("h", caller=CALLER)
            await asyncio.wait_for(over.wait(), 30)
    record_property("bytes read of an endless answer", sent)

    # Once more after the first failure, and what lies in buffers.
    assert sent < 3 * ANSWER_BYTES_MAX
