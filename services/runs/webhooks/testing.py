"""Support for tests: a receiver of webhooks, as a real server. Never in production."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import timedelta

from sqlmodel import col, update

from services.runs.models import Webhook, WebhookDelivery
from shared.clock import utc_now
from shared.db import Database

LONG_AGO = timedelta(days=2)


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Keeps what comes, and answers with the next of `answers`, else 204."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    # Whole answers as they go over the wire; None: none at all.
    answers: list[bytes | None] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ids(self) -> list[str]:
        return [each.headers["webhook-id"] for each in self.received]

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def will_answer(self, *statuses: int, head: str = "") -> None:
        for status in statuses:
            answer = f"HTTP/1.1 {status} Said\r\n{head}Content-Length: 0\r\n\r\n"
            self.answers.append(answer.encode())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            await self._answer(reader, writer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *fields = head.strip().split("\r\n")
        pairs = (each.partition(":") for each in fields)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append(Received(line.split()[1], headers, body))
        self.arrived.set()
        answer = self.answers.pop(0) if self.answers else b"HTTP/1.1 204 Done\r\n\r\n"
        if answer is not None:
            writer.write(answer)
        else:
            await reader.read()  # Until the other side has had enough.


@asynccontextmanager
async def running_receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls) as server:
        receiver.port = server.sockets[0].getsockname()[1]
        yield receiver


async def pass_time(database: Database) -> None:
    """As if everything that is to be tried again, and every claim, had waited long enough."""
    then = utc_now() - LONG_AGO
    waits = col(WebhookDelivery.next_try_at)
    async with database.transaction() as session:
        await session.execute(
            update(WebhookDelivery).where(waits.is_not(None)).values(next_try_at=then)
        )
        await session.execute(update(Webhook).values(claimed_until=then))
