"""Asking another service: one pooled client, explicit timeouts, typed failure, no half answer."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar

import httpx
import orjson
import structlog
from aiohttp import ClientError, ClientSession, DummyCookieJar, TCPConnector
from httpx_aiohttp import AiohttpTransport

from shared.auth import Caller
from shared.errors import Forbidden, Unavailable
from shared.remembering import Remembering

P = ParamSpec("P")
T = TypeVar("T")
# What reading an answer raises that has not the promised shape.
NOT_AS_PROMISED = (ValueError, TypeError, KeyError, AttributeError, IndexError)
# A whole answer may take so many times the longest wait for a part of it.
WHOLE_ANSWER_WAITS = 4
ANSWER_BYTES_MAX = 64 * 1024 * 1024
CONNECTIONS_MAX = 100
# Below uvicorn's 5 s: a POST must not go out on a connection that the peer is closing.
KEEPALIVE_SECONDS = 3.0
# What must reach the peer so that its links and its logs fit the request that started it all.
FORWARDED = ("x-request-id", "x-forwarded-host", "x-forwarded-proto")

log = structlog.get_logger(__name__)


def pooled_client(
    *, timeout_seconds: float, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """Keep-alive connections to all peers; one per process."""
    return httpx.AsyncClient(
        timeout=timeout_seconds,
        # httpx's own takes three times the processor for the same call.
        transport=Remembering(transport or Network(client=_connections)),
        trust_env=False,  # A proxy of the machine's environment must not see internal calls.
    )


class Network(AiohttpTransport):
    """Also where a peer speaks no HTTP, the fault is one that httpx has a name for.

    An answer is read whole, as far as it has an end. None of ours is packed: a packed one could
    be a thousand times as large as it looks.
    """

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = await super().handle_async_request(request)
        except ClientError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        content = bytearray()
        async with aclosing(answer):
            async for piece in answer.aiter_raw():
                content += piece
                if len(content) > ANSWER_BYTES_MAX or "content-encoding" in answer.headers:
                    raise httpx.RemoteProtocolError("an answer without an end, or a packed one")
        return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(content))


def _connections() -> ClientSession:
    connector = TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=KEEPALIVE_SECONDS)
    return ClientSession(connector=connector, cookie_jar=DummyCookieJar())


class PeerRefused(Exception):
    """The peer answered with a refusal (4xx); what it means is for the caller to decide."""

    def __init__(self, status: int, body: Any):
        self.status = status
        self.body = body
        super().__init__(f"{status}: {body!r}")


def _or_unavailable(ask: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """What cannot be read as the answer it should be is no answer."""

    @wraps(ask)
    async def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await ask(*args, **kwargs)
        except NOT_AS_PROMISED:
            log.exception("peer_answers_rubbish", question=ask.__qualname__)
            raise Unavailable from None

    return asked


class ServiceClient:
    """Base of the clients in shared/clients. The peer judges ownership, by the caller's token."""

    def __init_subclass__(cls) -> None:
        """Every question of a client: none may forget what a peer in trouble can answer."""
        for name, method in list(vars(cls).items()):
            if iscoroutinefunction(method) and not name.startswith("_"):
                setattr(cls, name, _or_unavailable(method))

    def __init__(self, http: httpx.AsyncClient, base_url: str):
        self._http = http
        self._base_url = base_url.rstrip("/")

    async def _get(self, path: str, caller: Caller, params: dict[str, str] | None = None) -> Any:
        """Retried once: a kept-alive connection may have been closed just now."""
        try:
            return await self._send("GET", path, caller, params=params)
        except httpx.TransportError:
            return await self._ask("GET", path, caller, params=params)

    async def _ask(self, method: str, path: str, caller: Caller, **content: Any) -> Any:
        """Not retried here: the caller knows whether it may be done twice."""
        try:
            return await self._send(method, path, caller, **content)
        except httpx.TransportError:
            raise Unavailable from None

    async def _send(self, method: str, path: str, caller: Caller, **content: Any) -> Any:
        context = structlog.contextvars.get_contextvars()
        headers = {name: context[name] for name in FORWARDED if name in context}
        headers["authorization"] = f"Token {caller.token}"
        answer = await self._answer_in_time(method, path, headers, content)
        if answer.status_code >= 500:
            raise Unavailable
        body = orjson.loads(answer.content) if answer.content else None
        if answer.status_code == 403:
            # A narrowed token: the peer's detail says which scope is missing.
            raise Forbidden((body or {}).get("detail"))
        if answer.status_code >= 400:
            raise PeerRefused(answer.status_code, body)
        return body

    async def _answer_in_time(
        self, method: str, path: str, headers: dict[str, str], content: dict[str, Any]
    ) -> httpx.Response:
        """The client's own limit is on each wait; a body without end waits for nothing."""
        patience = self._http.timeout.read
        limit = None if patience is None else patience * WHOLE_ANSWER_WAITS
        try:
            async with asyncio.timeout(limit):
                return await self._http.request(
                    method, self._base_url + path, headers=headers, **content
                )
        except TimeoutError:
            raise Unavailable from None
