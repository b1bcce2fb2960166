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
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import BadRequestError, NoStreamResponseError
from nats.js.kv import KeyValue

from shared.events.streams import STREAMS
from shared.messaging.line import Line

REVOCATIONS_BUCKET = "mlsploit_revocations"

RECONNECT_SECONDS = 0.5
PUBLISH_TIMEOUT_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Broker:
    """Connects and reconnects for ever; `ready` is set once streams and buckets exist."""

    def __init__(self, url: str, name: str, *, replicas: int = 1):
        """`url` may name several servers of a cluster, with commas; `replicas` of each stream."""
        self._name = name
        self._replicas = replicas
        self._address = address_of(url)
        self._client: Client | None = None
        self._watchers: set[KeyValue.KeyWatcher] = set()
        self._restoring: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()

    @property
    def jetstream(self) -> JetStreamContext:
        """Only after `ready`: before it there is no connection to speak over."""
        assert self._client is not None
        return self._client.jetstream(timeout=PUBLISH_TIMEOUT_SECONDS)

    @property
    def is_connected(self) -> bool:
        return self._client is not None and self.ready.is_set() and self._client.is_connected

    async def connect(self) -> None:
        """Returns when connected; tries until then."""
        options = {
            "max_reconnect_attempts": -1,
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
        queue = self._name if is_shared else ""
        subscription = await self._client.subscribe(subject, queue=queue)
        try:
            if on_listening is not None:
                await self._client.flush()
                await on_listening()
            async for message in subscription.messages:
                await hear(message.data)
        finally:
            with suppress(NatsError):
                await subscription.unsubscribe()

    async def watch(self, bucket: str, on_entry: Callable[[str, bytes], Awaitable[None]]) -> None:
        """Every entry of a key-value bucket, present and future; again after a break."""
        while True:
            await self.ready.wait()
            watcher = await (await self.jetstream.key_value(bucket)).watchall()
            self._watchers.add(watcher)
            try:
                async for entry in watcher:
                    # None marks the end of what was there at first; a deleted key has no value.
                    if entry is not None and entry.value is not None:
                        await on_entry(entry.key, entry.value)
            finally:
                self._watchers.discard(watcher)

    async def close(self) -> None:
        await self._lose()
        if self._client is not None and not self._client.is_closed:
            await self._client.close()

    async def _lose(self) -> None:
        """Whoever has something to send waits for `ready` instead of failing and backing off."""
        self.ready.clear()
        if self._restoring is not None:
            self._restoring.cancel()

    async def _restore(self) -> None:
        """After a break; apart, because the library loses its connection over an error in here."""
        self._restoring = asyncio.create_task(self._restore_streams())

    async def _restore_streams(self) -> None:
        """NATS may have come back empty, and a watcher would not notice.

        A cluster that has just lost a server may need seconds until it answers this.
        """
        while not self.ready.is_set():
            try:
                await self._ensure_streams()
                self.ready.set()
            except (NatsError, OSError, TimeoutError) as error:
                log.warning("streams_unreachable", reason=repr(error))
                await asyncio.sleep(RECONNECT_SECONDS)
        for watcher in list(self._watchers):
            await watcher.stop()

    async def _ensure_streams(self) -> None:
        for stream in STREAMS:
            try:
                await self.jetstream.add_stream(stream.evolve(num_replicas=self._replicas))
            except BadRequestError:
                # It exists with other limits, which an operator chose: theirs stand.
                log.info("stream_kept_as_it_is", stream=stream.name)
        bucket = KeyValueConfig(
            bucket=REVOCATIONS_BUCKET, storage=StorageType.FILE, replicas=self._replicas
        )
        # As `create_key_value` would, but a bucket with other replicas stays as it is, too.
        with suppress(BadRequestError):
            await self.jetstream.create_key_value(bucket)


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
