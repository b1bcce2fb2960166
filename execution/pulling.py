"""One pull consumer on JetStream, bound again for ever: a restarted or wiped NATS is outlived.

A waiting pull gets a message the moment it is published; nothing is asked for while the caller has
no room for it, so that messages stay for others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig

from shared.messaging.broker import Broker

# A pull that a restarted NATS forgot is waited for this long.
FETCH_SECONDS = 5.0
REBIND_SECONDS = 0.5
HAND_BACK_SECONDS = 0.1

log = structlog.get_logger(__name__)

Handle = Callable[[Msg], Awaitable[None]]


async def _always_room() -> bool:
    return True


class Pulling:
    """`handle` gets each message and acknowledges it; `room` returns when there is room for one."""

    def __init__(
        self,
        broker: Broker,
        stream: str,
        config: ConsumerConfig,
        handle: Handle,
        room: Callable[[], Awaitable[object]] = _always_room,
    ) -> None:
        self._broker = broker
        self._stream = stream
        self._config = config
        self._handle = handle
        self._room = room
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None
        self.is_bound = asyncio.Event()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def stop_soon(self) -> None:
        if self._is_stopping:
            return  # Another cancellation would interrupt the handing back.
        self._is_stopping = True
        # nats-py may swallow a cancellation that meets a message; the flag then ends the loop.
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """Returns when no message can arrive any more."""
        self.stop_soon()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while not self._is_stopping:
            try:
                await self._broker.ready.wait()
                messages = await self._bind()
                try:
                    await self._pull(messages)
                finally:
                    await self._let_go(messages)
            except (NatsError, OSError) as error:
                self.is_bound.clear()
                log.warning("consumer_unbound", stream=self._stream, reason=repr(error))
                await asyncio.sleep(REBIND_SECONDS)

    async def _bind(self) -> JetStreamContext.PullSubscription:
        jetstream = self._broker.jetstream
        # add_consumer updates limits that pull_subscribe alone would leave as they were.
        info = await jetstream.add_consumer(self._stream, self._config)
        messages = await jetstream.pull_subscribe_bind(info.name, self._stream)
        self.is_bound.set()
        return messages

    async def _pull(self, messages: JetStreamContext.PullSubscription) -> None:
        while not self._is_stopping:
            await self._room()
            try:
                [message] = await messages.fetch(1, timeout=FETCH_SECONDS)
            except TimeoutError:  # Nothing came; nats.errors.TimeoutError is one too.
                continue
            await self._handle(message)

    async def _let_go(self, messages: JetStreamContext.PullSubscription) -> None:
        """End the pull that still waits at the server, and hand back what it has brought.

        Otherwise the server would send it the next message, and nobody else would hear of that
        until its acknowledgement is overdue.
        """
        with suppress(NatsError, OSError):
            while messages.pending_msgs:
                [message] = await messages.fetch(1, timeout=HAND_BACK_SECONDS)
                await message.nak()
        with suppress(NatsError, OSError):
            await messages.unsubscribe()
