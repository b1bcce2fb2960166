"""JetStream's own requests about streams, word for word: what a client library knows of a stream's
settings is never all of them, and what it leaves out would be lost."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from shared.commands import refuse
from shared.events.streams import STREAMS
from shared.messaging.broker import address_of

NAMES = tuple(str(stream.name) for stream in STREAMS)
CONNECT_SECONDS_MAX = 10
ANSWER_SECONDS_MAX = 30.0
TRY_AGAIN_SECONDS = 0.2
# A cluster that has just started answers nobody until it has a leader.
TRIES_MAX = 6
TRY_SECONDS_MAX = 5.0
NOT_FOUND = 10059

Answer = dict[str, Any]


class Streams:
    """Those of one NATS; what it refuses ends the command with a sentence."""

    def __init__(self, client: Client, is_refused: asyncio.Event) -> None:
        self.client = client
        # Who may not ask gets no answer, but a complaint.
        self._is_refused = is_refused

    async def find(self, name: str) -> Answer | None:
        answer = await self.ask(f"INFO.{name}", {}, but=NOT_FOUND)
        return answer if "config" in answer else None

    async def wait_for_a_leader(self) -> None:
        for _ in range(TRIES_MAX):
            try:
                await self.client.request("$JS.API.INFO", b"", timeout=TRY_SECONDS_MAX)
                return
            except (TimeoutError, NoRespondersError):
                await asyncio.sleep(1)
        self.give_up("JetStream")

    async def ask(self, what: str, payload: Mapping[str, Any], but: int = 0) -> Answer:
        return await self.send(f"$JS.API.STREAM.{what}", json.dumps(payload).encode(), but)

    async def send(self, subject: str, payload: bytes, but: int = 0) -> Answer:
        asking = asyncio.create_task(self._request(subject, payload))
        refusing = asyncio.create_task(self._is_refused.wait())
        done, left = await asyncio.wait({asking, refusing}, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        if asking not in done:
            refuse(f"This name may not use {subject}: put the operator's into MLSPLOIT_NATS_URL.")
        try:
            answer: Answer = json.loads(asking.result().data or b"{}")
        except (NatsError, TimeoutError):
            self.give_up(subject)
        error = answer.get("error")
        if error and error.get("err_code") != but:
            refuse(f"NATS refuses {subject}: {error['description']}.")
        return answer

    async def _request(self, subject: str, payload: bytes) -> Msg:
        """Of a cluster, not every server knows at once that another has begun to listen."""
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            while True:
                try:
                    return await self.client.request(subject, payload, timeout=ANSWER_SECONDS_MAX)
                except NoRespondersError:
                    await asyncio.sleep(TRY_AGAIN_SECONDS)

    def give_up(self, about: str) -> NoReturn:
        refuse(f"NATS does not answer about {about}; its own log says why.")


@asynccontextmanager
async def streams_at(url: str) -> AsyncIterator[Streams]:
    is_refused = asyncio.Event()

    async def note(error: Exception) -> None:
        if "permissions violation" in str(error).lower():
            is_refused.set()

    try:
        client = await nats.connect(
            **address_of(url),
            allow_reconnect=False,
            # Without it the first connection is tried for two minutes.
            max_reconnect_attempts=1,
            connect_timeout=CONNECT_SECONDS_MAX,
            error_cb=note,
        )
    except (NatsError, OSError, TimeoutError) as error:
        refuse(f"NATS does not let us in: {error or type(error).__name__}.")
    try:
        streams = Streams(client, is_refused)
        await streams.wait_for_a_leader()
        yield streams
    finally:
        await client.close()
