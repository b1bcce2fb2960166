"""An HTTP client that costs next to nothing, so that it is never what is measured.

Requests are bytes made beforehand; of an answer only its status, its length and its end are read,
and its body is kept only for who asks.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"
END_OF_CHUNKS = b"0\r\n\r\n"
NO_BODY = frozenset({204, 304})


@dataclass(frozen=True)
class Answer:
    status: int
    head: bytes
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header, or nothing."""
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower().encode():
                return value.strip().decode()
        return ""


def request(
    method: str,
    path: str,
    token: str,
    body: bytes = b"",
    *,
    kind: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench.test", f"Authorization: Token {token}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + END_OF_HEAD + body


def multipart(name: str, content: bytes) -> tuple[str, bytes]:
    """The type and the body of an upload."""
    head = f'--bench\r\nContent-Disposition: form-data; name="blob"; filename="{name}"\r\n\r\n'
    return "multipart/form-data; boundary=bench", head.encode() + content + b"\r\n--bench--\r\n"


class Connection(asyncio.Protocol):
    """One kept-alive connection; one request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answered: asyncio.Future[Answer] | None = None
        self._transport: asyncio.WriteTransport | None = None

    @classmethod
    async def open(cls, url: str) -> "Connection":
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        host, port = parts.hostname or "", parts.port or 80
        _, connection = await loop.create_connection(cls, host, port)
        return connection

    async def send(self, raw: bytes) -> Answer:
        assert self._transport is not None, "the connection is open"
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        return await self._answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._answered is None or self._answered.done():
            return
        answer = _answer(self._received)
        if answer is not None:
            self._received.clear()
            self._answered.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionError("the gateway hung up"))


def _answer(received: bytearray) -> Answer | None:
    """The answer, once all of it is there."""
    end = received.find(END_OF_HEAD)
    if end < 0:
        return None
    status = int(received[9:12])
    head = bytes(received[:end])
    start = end + len(END_OF_HEAD)
    at = head.lower().find(LENGTH)
    if at >= 0:
        length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0])
        is_whole = len(received) - start >= length
    else:
        is_whole = status in NO_BODY or received.endswith(END_OF_CHUNKS)
    return Answer(status, head, bytes(received[start:])) if is_whole else None


async def send_all(url: str, requests: Iterable[bytes], connections: int) -> list[Answer]:
    """Every request once, over so many connections; the answers come in any order."""
    waiting = iter(requests)
    answers: list[Answer] = []

    async def work() -> None:
        connection = await Connection.open(url)
        try:
            answers.extend([await connection.send(raw) for raw in waiting])
        finally:
            connection.close()

    await asyncio.gather(*(work() for _ in range(connections)))
    return answers
