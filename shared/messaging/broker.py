"""The connection to NATS: made in the background, kept for ever, never in a request's way."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import BadRequestError, NoStreamResponseError

from shared.events.streams import STREAMS
from shared.messaging.line import Line

RECONNECT_SECONDS = 0.5
PUBLISH_TIMEOUT_SECONDS = 5.0
# A server that has vanished without a word is noticed when it owes three answers.
PING_SECONDS = 10

log = structlog.get_logger(__name__)


class Broker:
    """Connects and reconnects for ever; `ready` while it is connected and all streams exist."""

    def __init__(self, url: str, name: str, *, replicas: int = 1):
        """`url` may name several servers of a cluster, with commas; `replicas` of each stream."""
        self._name = name
        self._replicas = replicas
        self._address = address_of(url)
        self._client: Client | None = None
        self._patient: set[asyncio.Timeout] = set()
        self._restoring: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()

    @property
    def jetstream(self) -> JetStreamContext:
        """Only after `ready`: before it there is no connection to speak over."""
        assert self._client is not None
        return self._client.jetstream(timeout=PUBLISH_TIMEOUT_SECONDS)

    async def connect(self) -> None:
        """Returns when connected; tries until then."""
        options = {
            "max_reconnect_attempts": -1,
            "ping_interval": PING_SECONDS,
            "reconnect_time_wait": RECONNECT_SECONDS,
            "disconnected_cb": self._lose,
            "reconnected_cb": self._restore,
        }
        while not self.ready.is_set():
            try:
                self._client = await _open_client(self._address, self._name, **options)
                await self._ensure_streams()
                self.ready.set()
            except (NatsError, OSError, TimeoutError) as error:
                log.warning("broker_unreachable", reason=repr(error))
                await self.close()
                await asyncio.sleep(RECONNECT_SECONDS)

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """A connection of its own on which order holds: broken, it is not mended but replaced."""
        await self.ready.wait()
        line = Line(timeout_seconds=PUBLISH_TIMEOUT_SECONDS)
        client = await _open_client(
            self._address, f"{self._name}-relay", allow_reconnect=False, closed_cb=line.give_up
        )
        line.jetstream = client.jetstream()
        try:
            yield line
        except NoStreamResponseError:
            # Somebody removed the stream while we stayed connected.
            await self._ensure_streams()
            raise
        finally:
            await client.close()

    @property
    def is_clustered(self) -> bool:
        """Then the server that holds what we wait for can be gone while our own is not."""
        return self._client is not None and len(self._client.servers) > 1

    async def tell(self, subject: str, payload: bytes) -> None:
        """To whoever listens just now; nobody keeps it."""
        await self.ready.wait()
        assert self._client is not None
        await self._client.publish(subject, payload)

    async def listen(
        self,
        subject: str,
        hear: Callable[[bytes], Awaitable[None]],
        *,
        is_shared: bool = True,
        on_listening: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """What is told on the subject, each message to one replica of this service, or to all.

        `on_listening` is called once nothing more can be missed: what was told before is its own.
        """
        await self.ready.wait()
        assert self._client is not None
        subscription = await self._client.subscribe(subject, self._name if is_shared else "")
        try:
            if on_listening is not None:
                await self._client.flush()
                await on_listening()
            async for message in subscription.messages:
                await hear(message.data)
        finally:
            with suppress(NatsError):
                await subscription.unsubscribe()

    @asynccontextmanager
    async def while_connected(self) -> AsyncIterator[None]:
        """What waits in it for a message gets a TimeoutError when the connection breaks.

        NATS forgets then who waits, and whoever trusts in it would wait for ever.
        """
        async with asyncio.timeout(None) as patience:
            self._patient.add(patience)
            try:
                yield
            finally:
                self._patient.discard(patience)

    async def close(self) -> None:
        await self._lose()
        if self._client is not None and not self._client.is_closed:
            await self._client.close()

    async def _lose(self) -> None:
        """Whoever has something to send waits for `ready` instead of failing and backing off."""
        self.ready.clear()
        if self._restoring is not None:
            self._restoring.cancel()
        while self._patient:
            self._patient.pop().reschedule(0)

    async def _restore(self) -> None:
        """After a break; apart, because the library loses its connection over an error in here."""
        self._restoring = asyncio.create_task(self._restore_streams())

    async def _restore_streams(self) -> None:
        """NATS may have come back empty.

        A cluster that has just lost a server may need seconds until it answers this.
        """
        while not self.ready.is_set():
            try:
                await self._ensure_streams()
                self.ready.set()
            except (NatsError, OSError, TimeoutError) as error:
                log.warning("streams_unreachable", reason=repr(error))
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _ensure_streams(self) -> None:
        for stream in STREAMS:
            try:
                await self.jetstream.add_stream(stream.evolve(num_replicas=self._replicas))
            except BadRequestError:
                # It exists with other limits, which an operator chose: theirs stand.
                log.info("stream_kept_as_it_is", stream=stream.name)


async def _open_client(address: Mapping[str, Any], name: str, **options: Any) -> Client:
    """Connected, or not there at all: what is given up halfway is closed."""
    client = Client()
    try:
        await client.connect(**address, name=name, error_cb=_log_error, **options)
    except BaseException:
        await client.close()
        raise
    return client


def address_of(url: str) -> dict[str, Any]:
    """What `nats.connect` needs to know of where to connect, and as whom.

    NATS answers to an inbox: whoever has a name there may read the answers to that name alone.
    """
    servers = url.split(",")
    first = urlsplit(servers[0])
    address: dict[str, Any] = {"servers": servers}
    if first.username:
        address["inbox_prefix"] = f"_INBOX_{first.username}"
        # Said apart from the addresses: a cluster names servers of its own, without them.
        address["user"] = unquote(first.username)
        address["password"] = unquote(first.password or "")
    return address


async def _log_error(error: Exception) -> None:
    log.warning("broker_error", reason=repr(error))
