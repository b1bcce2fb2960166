"""The network to other services: one pooled client, explicit timeouts, connections that are kept.

Tests play the peers by httpx's interface; what is asked is for shared/clients.
"""

from typing import Any

import aiohttp
import httpx

from shared.clients.remembering import Remembered

ANSWER_BYTES_MAX = 64 * 1024 * 1024
CONNECTIONS_MAX = 100
# Below uvicorn's 5 s: a POST must not go out on a connection that the peer is closing.
KEEPALIVE_SECONDS = 3.0


def pooled_client(
    *, timeout_seconds: float, transport: httpx.AsyncBaseTransport | None = None
) -> "PeersClient":
    """Keep-alive connections to all peers; one per process."""
    return PeersClient(
        timeout=timeout_seconds,
        # httpx's own takes three times the processor for the same call.
        transport=transport or Network(timeout_seconds),
        trust_env=False,  # A proxy of the machine's environment must not see internal calls.
    )


class PeersClient(httpx.AsyncClient):
    """With a way past cookies, redirects and merging: peers need none, and they cost a third."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.remembered = Remembered()

    async def ask(self, request: httpx.Request) -> httpx.Response:
        answer = await self._transport.handle_async_request(request)
        await answer.aread()
        return answer


class Network(httpx.AsyncBaseTransport):
    """aiohttp's connections; a fault is one that httpx has a name for.

    An answer is read whole, as far as it has an end. None of ours is packed: a packed one could
    be a thousand times as large as it looks.
    """

    def __init__(self, timeout_seconds: float):
        self._patience = aiohttp.ClientTimeout(
            sock_connect=timeout_seconds, sock_read=timeout_seconds, connect=timeout_seconds
        )
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            async with self._opened().request(
                request.method,
                str(request.url),
                headers=request.headers,
                data=await request.aread() or None,
                allow_redirects=False,
                timeout=self._patience,
            ) as answer:
                content = await _whole(answer)
        except aiohttp.ServerTimeoutError as error:
            raise httpx.ReadTimeout(str(error)) from error
        except aiohttp.ClientError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        return httpx.Response(answer.status, headers=answer.raw_headers, content=content)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            kept = aiohttp.TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=KEEPALIVE_SECONDS)
            self._session = aiohttp.ClientSession(
                connector=kept, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        return self._session


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for piece in answer.content.iter_any():
        content += piece
        if len(content) > ANSWER_BYTES_MAX or "content-encoding" in answer.headers:
            raise httpx.RemoteProtocolError("an answer without an end, or a packed one")
    return bytes(content)
