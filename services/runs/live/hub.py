"""Who is listening in this process, and what wakes them.

A stream sleeps until its feed's position moves: after a commit of this process at once, after one
of another replica by a message on NATS, and should that be lost by a regular look at the positions
of all feeds that somebody follows, one query for all of them.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import orjson
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from services.runs.errors import TooManyStreams
from services.runs.live import queries
from services.runs.live.feed import MOVED
from services.runs.settings import RunsSettings
from shared.auth import Caller, TokenVerifier
from shared.db import Database
from shared.errors import Unauthenticated, Unavailable

# Told to all replicas: the positions of feeds by owner.
MOVED_SUBJECT = "mlsploit.live.moved"
OWNERS_PER_QUERY_MAX = 500
# Streams that catch up at the same time: requests need the database, too.
READERS_MAX = 4
FULL_SECONDS = 10
# Why a stream ends; a client that is still there is told.
TOKEN, DURATION, SHUTDOWN, UNAVAILABLE = "token", "duration", "shutdown", "unavailable"
LEFT, STUCK = "left", "stuck"

STREAMS = Gauge("mlsploit_live_streams", "Open streams of live updates.")
ENDED = Counter("mlsploit_live_streams_ended_total", "Streams that ended, and why.", ["reason"])


@dataclass(eq=False)
class Listener:
    """One open stream, as far as others may wake or end it."""

    caller: Caller
    owner_id: int
    # The newest position that anybody has spoken of.
    told: int = 0
    # Why the stream ends, once it does.
    end: str | None = None
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, position: int) -> None:
        if position > self.told:
            self.told = position
            self._stirred.set()

    def stop(self, reason: str) -> None:
        self.end = self.end or reason
        self._stirred.set()

    async def wait(self, *, beyond: int, seconds: float) -> bool:
        """Whether the feed moved beyond a position, or the stream ended, within the time."""
        try:
            async with asyncio.timeout(seconds):
                while self.end is None and self.told <= beyond:
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError:
            return False
        return True


class Hub:
    """All open streams of this process."""

    def __init__(self, settings: RunsSettings):
        self._settings = settings
        self._listeners: defaultdict[int, set[Listener]] = defaultdict(set)
        self._per_user: defaultdict[int, int] = defaultdict(int)
        self._is_closed = False
        self._unsent: dict[int, int] = {}
        self._has_unsent = asyncio.Event()
        # Whether any stream is open: without one there is nothing to look after.
        self.is_followed = asyncio.Event()
        self.readers = asyncio.Semaphore(READERS_MAX)

    @contextmanager
    def listening(self, caller: Caller, owner_id: int) -> Iterator[Listener]:
        """A place for one stream, if there is one left; it is lost when its time is over."""
        self._refuse_if_full(caller.user_id)
        listener = Listener(caller, owner_id)
        of_owner = self._listeners[owner_id]
        of_owner.add(listener)
        self.is_followed.set()
        self._per_user[caller.user_id] += 1
        loop = asyncio.get_running_loop()
        clock = loop.call_later(self._settings.live_seconds_max, listener.stop, DURATION)
        STREAMS.inc()
        try:
            yield listener
        finally:
            STREAMS.dec()
            ENDED.labels(listener.end or LEFT).inc()
            clock.cancel()
            self._per_user[caller.user_id] -= 1
            if not self._per_user[caller.user_id]:
                del self._per_user[caller.user_id]
            of_owner.discard(listener)
            if not of_owner:
                del self._listeners[owner_id]
            if not self._listeners:
                self.is_followed.clear()

    def _refuse_if_full(self, user_id: int) -> None:
        if self._per_user.get(user_id, 0) >= self._settings.live_streams_per_user_max:
            raise TooManyStreams(retry_after_seconds=FULL_SECONDS)
        if self._is_closed or sum(self._per_user.values()) >= self._settings.live_streams_max:
            raise Unavailable(
                "There is no room for another stream.", retry_after_seconds=FULL_SECONDS
            )

    def hear_commit(self, session: AsyncSession) -> None:
        """Wakes the streams of this process, and has the others told."""
        moved: dict[int, int] = session.info.get(MOVED, {})
        self.tell(moved)
        if moved:
            self._unsent |= moved
            self._has_unsent.set()

    def tell(self, positions: Mapping[int, int]) -> None:
        for owner_id, position in positions.items():
            for listener in self._listeners.get(owner_id, ()):
                listener.tell(position)

    async def hear_replica(self, payload: bytes) -> None:
        self.tell({int(owner_id): last for owner_id, last in orjson.loads(payload).items()})

    async def take_unsent(self) -> bytes:
        """Waits for commits; several of them make one message."""
        await self._has_unsent.wait()
        self._has_unsent.clear()
        unsent, self._unsent = self._unsent, {}
        return orjson.dumps({str(owner_id): last for owner_id, last in unsent.items()})

    async def look(self, database: Database) -> None:
        """Whatever was said or not: what the positions are."""
        owners = sorted(self._listeners)
        for at in range(0, len(owners), OWNERS_PER_QUERY_MAX):
            some = owners[at : at + OWNERS_PER_QUERY_MAX]
            async with database.reading() as session:
                self.tell(await queries.list_positions(session, some))

    async def end_unbelieved(self, verifier: TokenVerifier) -> None:
        """A token that expired or was revoked ends the streams that it opened."""
        for listener in self._all():
            try:
                await verifier.verify(listener.caller.token)
            except Unauthenticated:
                listener.stop(TOKEN)

    def close(self) -> None:
        """The process stops: every stream ends by itself, and no other begins."""
        self._is_closed = True
        for listener in self._all():
            listener.stop(SHUTDOWN)

    def _all(self) -> list[Listener]:
        return [each for some in self._listeners.values() for each in some]
