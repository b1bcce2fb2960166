"""Publishing fast and in order: many messages on their way at once, on one connection.

What NATS has read of a connection is always a beginning of what was written on it. So whoever
sends again, from the first message that was not acknowledged, changes no order - unless the
connection is mended behind its back and the rest goes out first. Hence one that never is.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import PubAck

Ack = asyncio.Future[PubAck]


@dataclass
class Line:
    """Sends rows of the outbox, one batch at a time."""

    timeout_seconds: float
    jetstream: JetStreamContext = field(init=False)
    _acks: list[Ack] = field(default_factory=list)

    async def send(self, rows: Sequence[Any]) -> list[Ack]:
        """What became of each, in order; one behind a failed one may be stored all the same."""
        acks: list[Ack] = []
        self._acks = acks
        try:
            for row in rows:
                acks.append(await self._begin(row))  # noqa: PERF401 - kept if one fails
        except NatsError as error:
            acks.append(failed(error))
        _, unanswered = await asyncio.wait(acks, timeout=self.timeout_seconds)
        for ack in unanswered:
            ack.set_exception(TimeoutError("JetStream did not acknowledge in time"))
        return acks

    async def give_up(self) -> None:
        """The connection is gone: no answer will come any more."""
        for ack in self._acks:
            if not ack.done():
                ack.set_exception(ConnectionClosedError())

    async def _begin(self, row: Any) -> Ack:
        # JetStream keeps the first message of one id and drops the rest.
        headers = {**row.headers, "Nats-Msg-Id": row.message_id}
        return await self.jetstream.publish_async(row.subject, row.payload, headers=headers)


def failed(error: Exception) -> Ack:
    ack: Ack = asyncio.get_running_loop().create_future()
    ack.set_exception(error)
    return ack
