"""Conditional requests: a poll of what has not changed costs a 304, and a change made on an old
view of a thing is refused with 412 instead of undoing somebody else's.

An entity tag is a digest of the exact bytes of an answer, so no route has to know of any of this
and no tag can be wrong. `If-Match` is judged by asking the route itself what it would answer to a
GET now. Invariant: of several changes that carry the same tag, one process lets one through.
"""

import asyncio
import re
from collections.abc import Callable
from hashlib import blake2b
from weakref import WeakValueDictionary

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import ApiError, Forbidden, Unavailable, render
from shared.steady import SteadyAnswers

TAGGED_PATHS = ("/api/v1/", "/auth/", "/internal/")
CHANGES = frozenset({"PUT", "PATCH", "DELETE"})
# A client may keep an answer, and asks each time whether it still holds.
CACHING = "private, no-cache"
DIGEST_BYTES = 16

_TAG = re.compile(r'(?:W/)?"[^"]*"')
_CONDITIONS = frozenset({b"if-match", b"if-none-match"})


class PreconditionFailed(ApiError):
    status = 412
    detail = "This has changed since; read it again before you change it."


class Conditional:
    def __init__(self, app: ASGIApp):
        self._app = app
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._steady = SteadyAnswers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(TAGGED_PATHS):
            await self._app(scope, receive, send)
        elif scope["method"] == "GET":
            await self._read(scope, receive, send)
        elif "if-match" in Headers(scope=scope) and _is_change(scope):
            try:
                await self._change(scope, receive, send)
            except ApiError as refusal:
                await render(refusal)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = Headers(scope=scope).get("if-none-match", "")
        unchanged = await self._steady.find(scope, _tags(known)) if known else None
        if unchanged is not None:
            await send(unchanged)
            await send({"type": "http.response.body"})
            return

        def keep(head: Message) -> None:
            self._steady.keep(scope, head)

        scope.setdefault("state", {})
        await self._app(scope, receive, _tagging(known, send, keep))

    async def _change(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Where there is nothing to read, or nobody known, the route refuses; that holds up nobody.
        if await self._current_tag(scope) is None:
            await self._app(scope, receive, send)
            return
        expected = Headers(scope=scope)["if-match"].strip()
        async with self._locks.setdefault(scope["path"], asyncio.Lock()):
            tag = await self._current_tag(scope)
            if tag is None or expected == "*" or tag in _TAG.findall(expected):
                await self._app(scope, receive, send)
            else:
                raise PreconditionFailed

    async def _current_tag(self, scope: Scope) -> str | None:
        """Of what this client would get for a GET, or None when that is a refusal."""
        headers = [each for each in scope["headers"] if each[0] not in _CONDITIONS]
        # An empty body, and then nobody who would wait for an answer without end.
        incoming = iter([{"type": "http.request"}])
        status, tag = 500, None

        async def receive() -> Message:
            return next(incoming, {"type": "http.disconnect"})

        async def note_tag(message: Message) -> None:
            nonlocal status, tag
            if message["type"] == "http.response.start":
                status, tag = message["status"], Headers(scope=message).get("etag")

        asking = {**scope, "method": "GET", "headers": headers}
        await self._app(asking, receive, _tagging("", note_tag))
        if status >= 500:
            raise Unavailable
        if status == 403:
            # A token that may write but not read: a condition must never be passed over.
            raise Forbidden
        return tag


def _is_change(scope: Scope) -> bool:
    """A method that the path does not have is for the route to refuse."""
    return scope["method"] in CHANGES & scope["app"].state.paths.methods(scope["path"])


def _tagging(known: str, send: Send, keep: Callable[[Message], None] | None = None) -> Send:
    """Holds the head of an answer back until its body is there to be digested."""
    held: Message | None = None
    is_known = False

    async def send_tagged(message: Message) -> None:
        nonlocal held, is_known
        if message["type"] == "http.response.start" and _is_taggable(message):
            held = message
            return
        if held is not None:
            head, held = held, None
            is_known = _tag(head, message, known)
            if keep is not None:
                keep(head)
            await send(head)
            if is_known:
                await send({"type": "http.response.body"})
        if not is_known:
            await send(message)

    return send_tagged


def _tags(known: str) -> list[str]:
    return [each.removeprefix("W/") for each in _TAG.findall(known)]


def _is_taggable(head: Message) -> bool:
    is_json = Headers(scope=head).get("content-type", "").startswith("application/json")
    return head["status"] == 200 and is_json


def _tag(head: Message, message: Message, known: str) -> bool:
    """Adds the tag to the head; true when the client has it already, so that it needs no body."""
    headers = MutableHeaders(scope=head)
    if "etag" not in headers:  # A long list brings its own.
        if message.get("more_body"):
            return False
        digest = blake2b(message.get("body", b""), digest_size=DIGEST_BYTES)
        headers["ETag"] = f'"{digest.hexdigest()}"'
    headers.setdefault("Cache-Control", CACHING)
    if known.strip() != "*" and headers["etag"] not in _tags(known):
        return False
    head["status"] = 304
    for name in ("content-length", "content-type"):
        del headers[name]
    return True
