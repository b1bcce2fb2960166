"""What every answer of every service has alike: CORS, HEAD as GET, allowed hosts, fixed headers."""

import re
from collections.abc import Awaitable, Callable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import BadRequest, render

CORS_HEADERS = (
    "accept, accept-encoding, authorization, content-type, dnt, origin, user-agent, "
    "x-csrftoken, x-requested-with, idempotency-key, if-match, if-none-match, last-event-id"
)
CORS_EXPOSED = "ETag, Idempotency-Replayed, Link, Location, Retry-After, X-Request-ID"

PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "DELETE, GET, OPTIONS, PATCH, POST, PUT",
    "Access-Control-Allow-Headers": CORS_HEADERS,
    "Access-Control-Max-Age": "86400",
    "Vary": "Origin",
}

# Pages bring a policy of their own; nothing else of ours is ever to be shown or run.
SAFETY = {
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'self'",
    # Links to contents of files are keys to them.
    "Referrer-Policy": "no-referrer",
}
ENCRYPTED = {"Strict-Transport-Security": "max-age=31536000"}

# A name or an address, and perhaps the dot at a name's very end and a port.
HOST = re.compile(r"([a-z0-9_-][a-z0-9_.-]*?|\[[a-f0-9:.]+\])\.?(?::[0-9]+)?")

Sender = Callable[[Message], Awaitable[None]]


class Edge:
    """Any origin may call: the token, never a cookie, decides, so there is nothing to steal."""

    def __init__(self, app: ASGIApp, allowed_hosts: str, is_encrypted: bool):
        self._app = app
        self._fixed = SAFETY | ENCRYPTED if is_encrypted else SAFETY
        self._allowed = allowed_hosts.lower().replace(",", " ").split()
        # As Django means them: `.example.org` is it, and every name below it.
        self._suffixes = tuple(name for name in self._allowed if name.startswith("."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        send = _with_headers(send, self._fixed, has_origin="origin" in headers)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await Response(headers=PREFLIGHT)(scope, receive, send)
            return
        if not self._is_allowed(headers.get("x-forwarded-host")):
            await render(BadRequest("Invalid host."))(scope, receive, send)
        elif scope["method"] == "HEAD":
            # The server drops the body of an answer to HEAD by its own copy of the scope; a route
            # whose body is costly to make can see that nobody will read it.
            await self._app({**scope, "method": "GET", "is_head": True}, receive, send)
        else:
            await self._app(scope, receive, send)

    def _is_allowed(self, forwarded_host: str | None) -> bool:
        """Without the header the request did not come through the gateway: a peer or a probe."""
        if forwarded_host is None or "*" in self._allowed:
            return "," not in (forwarded_host or "")
        name = host[1] if (host := HOST.fullmatch(forwarded_host.lower())) else ""
        return name in self._allowed or f".{name}".endswith(self._suffixes)


def _with_headers(send: Sender, fixed: Mapping[str, str], *, has_origin: bool) -> Sender:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.add_vary_header("Origin")
            for name, value in fixed.items():
                headers.setdefault(name, value)
            if has_origin:
                headers["Access-Control-Allow-Origin"] = "*"
                headers["Access-Control-Expose-Headers"] = CORS_EXPOSED
        await send(message)

    return send_with_headers
