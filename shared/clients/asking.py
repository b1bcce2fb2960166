"""Asking another service: its token and context go along, faults have types, no half answer.

The base of every client here.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache, wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar

import httpx
import orjson
import structlog

from shared.auth import Caller
from shared.clients.remembering import BYTES_KEPT_MAX, Kept
from shared.errors import Forbidden, Unavailable
from shared.http import PeersClient

P = ParamSpec("P")
T = TypeVar("T")
# What reading an answer raises that has not the promised shape.
NOT_AS_PROMISED = (ValueError, TypeError, KeyError, AttributeError, IndexError)
# A whole answer may take so many times the longest wait for a part of it.
WHOLE_ANSWER_WAITS = 4
# What must reach the peer so that its links and its logs fit the request that started it all.
FORWARDED = ("x-request-id", "x-forwarded-host", "x-forwarded-proto")
# What an answer depends on besides its address.
DEPENDS_ON = ("authorization", "x-forwarded-host", "x-forwarded-proto")

log = structlog.get_logger(__name__)


class PeerRefused(Exception):
    """The peer answered with a refusal (4xx); what it means is for the caller to decide."""

    def __init__(self, status: int, body: Any):
        self.status = status
        self.body = body
        super().__init__(f"{status}: {body!r}")


def _as_it_is(body: Any) -> Any:
    return body


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

    def __init__(self, http: PeersClient, base_url: str):
        self._http = http
        self._base_url = base_url.rstrip("/")

    async def _get(
        self,
        path: str,
        caller: Caller,
        params: dict[str, str] | None = None,
        *,
        read: Callable[[Any], Any] = _as_it_is,
        seconds_old_max: float = 0,
    ) -> Any:
        """What `read` makes of the answer; the same again while the peer says it is unchanged.

        Asked within `seconds_old_max`, nobody is asked again. Retried once: a kept-alive
        connection may have been closed just now.
        """
        url = _url(self._base_url + path, tuple((params or {}).items()))
        headers = _headers(caller)
        question = (url, *map(headers.get, DEPENDS_ON))
        kept, now = self._http.remembered.find(question), time.monotonic()
        if kept is not None:
            if now - kept.asked_at < seconds_old_max:
                return kept.value
            headers["if-none-match"] = kept.tag
        try:
            answer = await self._send("GET", url, headers)
        except httpx.TransportError:
            answer = await self._send_once("GET", url, headers)
        if kept is not None and answer.status_code == 304:
            kept.asked_at = now
            return kept.value
        value = read(_body(answer))
        tag = answer.headers.get("etag")
        if tag is not None and len(answer.content) <= BYTES_KEPT_MAX:
            self._http.remembered.keep(question, Kept(tag, value, now))
        return value

    async def _ask(
        self,
        method: str,
        path: str,
        caller: Caller,
        *,
        params: dict[str, str] | None = None,
        json: Any = None,
    ) -> Any:
        """Not retried here: the caller knows whether it may be done twice."""
        url = _url(self._base_url + path, tuple((params or {}).items()))
        headers, content = _headers(caller), None
        if json is not None:
            content = orjson.dumps(json)
            headers["content-type"] = "application/json"
        return _body(await self._send_once(method, url, headers, content))

    async def _send_once(self, *question: Any) -> httpx.Response:
        try:
            return await self._send(*question)
        except httpx.TransportError:
            raise Unavailable from None

    async def _send(
        self, method: str, url: httpx.URL, headers: dict[str, str], content: bytes | None = None
    ) -> httpx.Response:
        """The client's own limit is on each wait; a body without end waits for nothing."""
        request = httpx.Request(method, url, headers=headers, content=content)
        patience = self._http.timeout.read
        limit = None if patience is None else patience * WHOLE_ANSWER_WAITS
        try:
            async with asyncio.timeout(limit):
                return await self._http.ask(request)
        except TimeoutError:
            raise Unavailable from None


def _headers(caller: Caller) -> dict[str, str]:
    context = structlog.contextvars.get_contextvars()
    headers = {name: context[name] for name in FORWARDED if name in context}
    headers["authorization"] = f"Token {caller.token}"
    return headers


def _body(answer: httpx.Response) -> Any:
    if answer.status_code >= 500:
        raise Unavailable
    body = orjson.loads(answer.content) if answer.content else None
    if answer.status_code == 403:
        # A narrowed token: the peer's detail says which scope is missing.
        raise Forbidden((body or {}).get("detail"))
    if answer.status_code >= 400:
        raise PeerRefused(answer.status_code, body)
    return body


@lru_cache(maxsize=1000)
def _url(address: str, params: tuple[tuple[str, str], ...]) -> httpx.URL:
    """The same few are asked again and again, and httpx reads each letter by letter."""
    return httpx.URL(address, params=params) if params else httpx.URL(address)
