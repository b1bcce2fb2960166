"""Requests sent byte for byte, as no client library would.

A client that closes its half of the connection counts as gone: the gateway drops what it asked for,
and may write an empty 200 behind it. So nothing is half-closed here before all was answered, but on
purpose.
"""

import select
import socket
import struct
from http.client import HTTPResponse
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

SECONDS_MAX = 30.0
# Whoever has said nothing for so long waits for more, or has said all.
QUIET_SECONDS = 0.5
ANSWER_BYTES_MAX = 1_000_000
PIECE = 64 * 1024
CRLF = "\r\n"


def lines(*each: str, body: str = "") -> str:
    return CRLF.join([*each, "", body])


def statuses(answer: bytes) -> list[int]:
    return [int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


class Wire:
    """One connection to the gateway."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port), SECONDS_MAX)

    def sends(self, data: str | bytes) -> None:
        self._socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def sends_until_answered(self, piece: bytes, bytes_max: int) -> int:
        """How much was sent of what has no end."""
        sent = 0
        while sent < bytes_max:
            readable, writable, _ = select.select([self._socket], [self._socket], [], SECONDS_MAX)
            if readable:
                break
            assert writable, "neither is more taken nor is it answered"
            sent += self._socket.send(piece)
        return sent

    def answer(self) -> tuple[int, bytes]:
        """Status and body of one whole answer."""
        answer = HTTPResponse(self._socket)
        answer.begin()
        return answer.status, answer.read()

    def everything(self) -> bytes:
        """All that is answered, until the server closes; when it only waits, we do."""
        answer = self._until_quiet()
        try:
            self._socket.shutdown(socket.SHUT_WR)
            self._socket.settimeout(SECONDS_MAX)
            while len(answer) < ANSWER_BYTES_MAX and (piece := self._socket.recv(PIECE)):
                answer += piece
        except OSError:
            pass  # It has closed already.
        return answer

    def half_closes(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def resets(self) -> None:
        """As a machine does that went down: no goodbye."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def closes(self) -> None:
        self._socket.close()

    def _until_quiet(self) -> bytes:
        answer = b""
        self._socket.settimeout(QUIET_SECONDS)
        try:
            while len(answer) < ANSWER_BYTES_MAX and (piece := self._socket.recv(PIECE)):
                answer += piece
        except OSError:
            pass
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()


def exchange(url: str, request: str | bytes) -> bytes:
    """Everything that is answered to this, on a connection of its own."""
    with Wire(url) as wire:
        try:
            wire.sends(request)
        except OSError:
            return b""  # It had read enough.
        return wire.everything()
