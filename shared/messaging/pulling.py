"""One pull consumer on JetStream, bound again for ever: a restarted or wiped NATS is outlived.

A waiting pull gets a message the moment it is published; nothing is asked for while the caller has
no room for it, so that messages stay for others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from shared.events.streams import REVOCATIONS_PREFIX, REVOCATIONS_STREAM
from shared.messaging.broker import Broker

# NATS tells when a consumer is gone, and whoever waits is told when the connection breaks. So this
# is only how long anything is trusted - but the server of a cluster that is asked may be another.
FETCH_SECONDS = 60.0
FETCH_SECONDS_IN_A_CLUSTER = 5.0
REBIND_SECONDS = 0.5
HAND_BACK_SECONDS = 0.1
# NATS forgets who pulls without a durable name and has not asked for so long.
ABSENT_SECONDS_MAX = 60.0
GATHERED_MAX = 100

log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Pulling:
    """`handle` gets each message and acknowledges it; `room` returns when there is room for one.

    Who rests afterwards gets all at once that came meanwhile.
    """

    broker: Broker
    stream: str
    config: ConsumerConfig
    handle: Callable[..., Awaitable[None]]
    rest_seconds: float = 0.0
    room: Callable[[], Awaitable[object]] | None = None
    is_stopping: bool = False
    is_bound: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Ends by cancellation; `is_stopping` is for one that nats-py swallowed."""
        while not self.is_stopping:
            try:
                await self.broker.ready.wait()
                messages = await self._bind()
                try:
                    await self._pull(messages)
                finally:
                    await self._let_go(messages)
            except (NatsError, OSError) as error:
                self.is_bound.clear()
                subject = self.config.filter_subject
                log.warning("consumer_unbound", subject=subject, reason=repr(error))
                await asyncio.sleep(REBIND_SECONDS)

    async def _bind(self) -> JetStreamContext.PullSubscription:
        jetstream = self.broker.jetstream
        # add_consumer updates limits that pull_subscribe alone would leave as they were.
        info = await jetstream.add_consumer(self.stream, self.config)
        messages = await jetstream.pull_subscribe_bind(info.name, self.stream)
        self.is_bound.set()
        return messages

    async def _pull(self, messages: JetStreamContext.PullSubscription) -> None:
        """Until the connection breaks, or is found to have been broken."""
        seconds = FETCH_SECONDS_IN_A_CLUSTER if self.broker.is_clustered else FETCH_SECONDS
        most = GATHERED_MAX if self.rest_seconds else 1
        while not self.is_stopping and self.broker.ready.is_set():
            if self.room is not None:
                await self.room()
            try:
                async with self.broker.while_connected():
                    found = await messages.fetch(most, timeout=seconds)
            except TimeoutError:  # Nothing came; nats.errors.TimeoutError is one too.
                continue
            await self.handle(*found)
            await asyncio.sleep(self.rest_seconds)

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


def revoking(broker: Broker, on_entry: Callable[[str, bytes], Awaitable[None]]) -> Pulling:
    """Every entry of the revocations bucket, present and future; all of them again after a break.

    nats-py's own watcher of a bucket wakes four times a second, to see whether it owes an answer.
    """
    config = ConsumerConfig(
        filter_subject=f"{REVOCATIONS_PREFIX}>",
        deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
        ack_policy=AckPolicy.NONE,
        inactive_threshold=ABSENT_SECONDS_MAX,
    )

    async def hear(message: Msg) -> None:
        # What was deleted is an entry, too, without a value.
        if message.data:
            await on_entry(message.subject.removeprefix(REVOCATIONS_PREFIX), message.data)

    return Pulling(broker, REVOCATIONS_STREAM, config, hear)
