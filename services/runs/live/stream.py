"""`text/event-stream`: a feed as one endless answer, until something ends it and says so.

Nothing is read that cannot be sent: a slow client costs one page of memory, one that reads nothing
at all loses its stream. No transaction outlives the reading of a page.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
import structlog
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.runs.live import queries
from services.runs.live.hub import LEFT, STUCK, UNAVAILABLE, Hub, Listener
from services.runs.live.replay import Feed, Page, read_page
from services.runs.settings import RunsSettings
from shared.auth import Caller
from shared.db import Database
from shared.hyperlinks import Hyperlinks

# A client that takes nothing for so long is gone, whatever its connection says.
SEND_SECONDS_MAX = 60.0
# Those whose streams ended together do not all come back in the same moment.
RETRY_MILLISECONDS = (1000, 5000)
HEADERS = {
    "Cache-Control": "no-store",
    # nginx in front of the gateway would hold events back otherwise.
    "X-Accel-Buffering": "no",
}
# Less than any position.
NOTHING = -1

log = structlog.get_logger(__name__)


class Stuck(Exception):
    """The client takes nothing any more."""


@dataclass(frozen=True)
class Follower:
    """Who follows which feed, and after which of its entries; None: from now on."""

    caller: Caller
    feed: Feed
    after: int | None


class EventStream(Response):
    media_type = "text/event-stream"

    def __init__(
        self,
        follower: Follower,
        *,
        hub: Hub,
        database: Database,
        links: Hyperlinks,
        settings: RunsSettings,
    ):
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._follower = follower
        self._hub = hub
        self._database = database
        self._links = links
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        follower = self._follower
        with self._hub.listening(follower.caller, follower.feed.owner_id) as listener:
            position, opening = await self._open(listener)
            head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(head)
            try:
                if not scope.get("is_head", False):
                    async with _watching(receive, listener):
                        await _send(send, opening)
                        await self._follow(listener, position, send)
            except Stuck:
                listener.stop(STUCK)  # The server closes the connection of an unfinished answer.
            else:
                await send({"type": "http.response.body", "body": _end(listener)})

    async def _open(self, listener: Listener) -> tuple[int, bytes]:
        """Where the stream begins, and the event that says so."""
        after = self._follower.after
        async with self._database.reading() as session:
            last, pruned = await queries.find_position(session, listener.owner_id)
        listener.tell(last)
        is_kept = after is None or after == 0 or pruned <= after <= last
        position = last if after is None or not is_kept else max(after, pruned)
        data = {
            "owner": self._links.item("users", listener.owner_id),
            "position": position,
            "heartbeat_seconds": self._settings.live_heartbeat_seconds,
        }
        opening = format_sse_event(
            event="hello" if is_kept else "reset",
            id=str(position),
            retry=RETRY_MILLISECONDS[0],
            data_str=orjson.dumps(data).decode(),
        )
        return position, opening

    async def _follow(self, listener: Listener, position: int, send: Send) -> None:
        read_up_to = position
        while await self._wait(listener, read_up_to, send):
            told = listener.told
            page = await self._read(listener, position)
            if page.events:
                await _send(send, page.events)
            position = page.position
            read_up_to = max(told, position) if page.is_last else NOTHING

    async def _read(self, listener: Listener, position: int) -> Page:
        try:
            async with self._hub.readers, self._database.reading() as session:
                return await read_page(session, self._follower.feed, position, self._links)
        except (SQLAlchemyError, OSError) as error:
            log.warning("stream_interrupted", reason=repr(error))
            listener.stop(UNAVAILABLE)
            return Page(b"", position, is_last=True)

    async def _wait(self, listener: Listener, read_up_to: int, send: Send) -> bool:
        """Until there may be something to read; False when the stream is to end."""
        while not await listener.wait(
            beyond=read_up_to, seconds=self._settings.live_heartbeat_seconds
        ):
            await _send(send, KEEPALIVE_COMMENT)
        return listener.end is None


async def _send(send: Send, body: bytes) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS_MAX):
            await send({"type": "http.response.body", "body": body, "more_body": True})
    except TimeoutError:
        raise Stuck from None


def _end(listener: Listener) -> bytes:
    """A stream that ends on purpose says why; a client that comes back goes on where it was."""
    if listener.end in (None, LEFT):
        return b""
    data = orjson.dumps({"reason": listener.end}).decode()
    return format_sse_event(event="end", retry=random.randint(*RETRY_MILLISECONDS), data_str=data)  # noqa: S311 - spreads load, keeps no secret


@asynccontextmanager
async def _watching(receive: Receive, listener: Listener) -> AsyncIterator[None]:
    """Notices when the client leaves, and lets the stream end at a point where it may."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        listener.stop(LEFT)

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
