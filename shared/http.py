"""Asking another service: one pooled client, explicit timeouts, typed failure, no half answer."""

from typing import Any

import httpx
import orjson
import structlog
from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from httpx_aiohttp import AiohttpTransport

from shared.auth import Caller
from shared.errors import Forbidden, Unavailable
from shared.remembering import Remembering

IDS_PER_CALL_MAX = 500
CONNECTIONS_MAX = 100
# Below uvicorn's 5 s: a POST must not go out on a connection that the peer is closing.
KEEPALIVE_SECONDS = 3.0
# What must reach the peer so that its links and its logs fit the request that started it all.
FORWARDED = ("x-request-id", "x-forwarded-host", "x-forwarded-proto")


def pooled_client(
    *, timeout_seconds: float, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """Keep-alive connections to all peers; one per process."""
    return httpx.AsyncClient(
        timeout=timeout_seconds,
        # httpx's own takes three times the processor for the same call.
        transport=Remembering(transport or AiohttpTransport(client=_connections)),
        trust_env=False,  # A proxy of the machine's environment must not see internal calls.
    )


def _connections() -> ClientSession:
    connector = TCPConnector(limit=CONNECTIONS_MAX, keepalive_timeout=KEEPALIVE_SECONDS)
    return ClientSession(connector=connector, cookie_jar=DummyCookieJar())


class PeerRefused(Exception):
    """The peer answered with a refusal (4xx); what it means is for the caller to decide."""

    def __init__(self, status: int, body: Any):
        self.status = status
        self.body = body
        super().__init__(f"{status}: {body!r}")


class ServiceClient:
    """Base of the clients in shared/clients. The peer judges ownership, by the caller's token."""

    def __init__(self, http: httpx.AsyncClient, base_url: str):
        self._http = http
        self._base_url = base_url.rstrip("/")

    async def _get(self, path: str, caller: Caller, params: dict[str, str] | None = None) -> Any:
        """Retried once: a kept-alive connection may have been closed just now."""
        try:
            return await self._send("GET", path, caller, params=params)
        except httpx.TransportError:
            return await self._try("GET", path, caller, params=params)

    async def _post(self, path: str, caller: Caller, json: Any) -> Any:
        """Not retried here: the caller knows whether it may be done twice."""
        return await self._try("POST", path, caller, json=json)

    async def _delete(self, path: str, caller: Caller, params: dict[str, str]) -> None:
        await self._try("DELETE", path, caller, params=params)

    async def _try(self, method: str, path: str, caller: Caller, **content: Any) -> Any:
        try:
            return await self._send(method, path, caller, **content)
        except httpx.TransportError:
            raise Unavailable from None

    async def _send(self, method: str, path: str, caller: Caller, **content: Any) -> Any:
        context = structlog.contextvars.get_contextvars()
        headers = {name: context[name] for name in FORWARDED if name in context}
        headers["authorization"] = f"Token {caller.token}"
        answer = await self._http.request(method, self._base_url + path, headers=headers, **content)
        if answer.status_code >= 500:
            raise Unavailable
        body = orjson.loads(answer.content) if answer.content else None
        if answer.status_code == 403:
            # A narrowed token: the peer's detail says which scope is missing.
            raise Forbidden((body or {}).get("detail"))
        if answer.status_code >= 400:
            raise PeerRefused(answer.status_code, body)
        return body


def batches(ids: list[int]) -> list[list[int]]:
    """Ids in portions that fit a query string."""
    return [ids[at : at + IDS_PER_CALL_MAX] for at in range(0, len(ids), IDS_PER_CALL_MAX)]
