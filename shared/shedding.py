"""Beyond what a process can do in good time it says so at once: 503, and when to ask again.

Requests that queue without end are answered when nobody waits for them any more, and then none is
in time. At work is a request from its first byte to the head of its answer, except while its client
is to send more: neither an open stream nor a slow upload takes a place from anybody.
"""

import asyncio

from prometheus_client import Counter, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.errors import Unavailable, render

# What clients ask for. Probes must be answered; an internal call belongs to a request let in.
SHED_PATHS = ("/api/v1/", "/auth/", "/media/")
AT_WORK = Gauge("mlsploit_http_requests_at_work", "Requests that are being answered.")
SHED = Counter("mlsploit_http_requests_shed_total", "Requests refused because of too many others.")


class TooBusy(Unavailable):
    detail = "The service is busy; ask again in a moment."


class Shedding:
    def __init__(self, app: ASGIApp, requests_max: int):
        self._app = app
        self._max = requests_max
        self._at_work = 0
        # They begin one by one, and between two of them all that are at work go on. Should all that
        # arrive begin at once, each of the dozen waits of a POST would take as long as all of them.
        self._door = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(SHED_PATHS):
            await self._app(scope, receive, send)
        elif self._at_work >= self._max:
            SHED.inc()
            await render(TooBusy())(scope, receive, send)
        else:
            await self._let_in(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_answered = False
        # Some read and write at the same time, so a place is kept account of, not counted twice.
        has_place = False

        def account(wants_place: bool) -> None:
            nonlocal has_place
            self._at_work += wants_place - has_place
            has_place = wants_place
            AT_WORK.set(self._at_work)

        async def receive_without_place() -> Message:
            account(False)
            try:
                return await receive()
            finally:
                account(not is_answered)

        async def send_and_leave(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            account(False)
            await send(message)

        account(True)
        try:
            async with self._door:
                if self._at_work > 1:
                    await asyncio.sleep(0)
            await self._app(scope, receive_without_place, send_and_leave)
        finally:
            is_answered = True
            account(False)
