"""A client of live updates that is cut off in the middle of things, and comes back."""

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from harness.people import Person

PATH = "/api/v1/events/"


@dataclass(frozen=True)
class Told:
    """One event, or a comment, which has no name."""

    event: str
    id: int
    data: dict[str, Any]


@dataclass
class Follower:
    """Remembers the last event that it read to its end, and nothing of one that it did not."""

    person: Person
    position: int
    # What one connection has brought so far.
    bytes_read: int = 0
    _rest: bytes = field(default=b"", init=False)

    def connection(self) -> Generator[Told, None, None]:
        """The events of one connection; closing it cuts the connection wherever it is."""
        self._rest, self.bytes_read = b"", 0
        headers = {
            "Authorization": f"Token {self.person.token}",
            "Last-Event-ID": str(self.position),
        }
        with self.person.http.stream("GET", PATH, headers=headers) as answer:
            assert answer.status_code == httpx.codes.OK, answer.read()
            for piece in answer.iter_raw():
                yield from self._take(piece)

    def _take(self, piece: bytes) -> Iterator[Told]:
        self.bytes_read += len(piece)
        *blocks, self._rest = (self._rest + piece).split(b"\n\n")
        for block in blocks:
            if block.startswith(b":"):
                yield Told("", self.position, {})
                continue
            fields = dict(line.split(b": ", 1) for line in block.split(b"\n"))
            number = int(fields.get(b"id", self.position))
            self.position = number
            yield Told(fields[b"event"].decode(), number, json.loads(fields[b"data"]))
