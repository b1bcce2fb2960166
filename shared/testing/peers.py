"""The network to other services, played in a service's own tests; everything on this side is real.

An unplayed call fails the test by name, so a new internal call cannot go unnoticed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

Answerer = Callable[[httpx.Request], httpx.Response]


@dataclass
class Peers(httpx.AsyncBaseTransport):
    """Answers by method and address (without the query); records what was asked."""

    asked: list[httpx.Request] = field(default_factory=list)
    _answers: dict[tuple[str, str], Answerer] = field(default_factory=dict)

    def answer(self, method: str, url: str, *, json: Any, status: int = 200) -> None:
        self.play(method, url, lambda _request: httpx.Response(status, json=json))

    def play(self, method: str, url: str, answerer: Answerer) -> None:
        self._answers[method, url] = answerer

    def silence(self, method: str, url: str) -> None:
        """The peer is down: nobody answers."""

        def refuse(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("connection refused", request=request)

        self.play(method, url, refuse)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        address = str(request.url.copy_with(query=None))
        answerer = self._answers.get((request.method, address))
        if answerer is None:
            raise AssertionError(f"nobody plays {request.method} {address}")
        self.asked.append(request)
        return answerer(request)
