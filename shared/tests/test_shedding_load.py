"""More requests than a process may have at work: the rest is told so at once, and soon let in."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from shared.shedding import Shedding
from shared.testing.eventually import eventually

MAX = 3
STEPS = 10
PATH = "/api/v1/things/"


class Work:
    """Answers when it is told to, or, on request, with a stream or after its body."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        if scope["method"] == "POST":
            await Request(scope, receive).body()
            await PlainTextResponse("read")(scope, receive, send)
        elif scope["query_string"] == b"stream":
            await StreamingResponse(self._pieces())(scope, receive, send)
        elif scope["query_string"] == b"steps":
            for _ in range(STEPS):
                await asyncio.sleep(0)  # tidy: allow no-sleep - a step, and no time
            await PlainTextResponse(str(self.begun))(scope, receive, send)
        elif scope["query_string"] == b"fail":
            raise RuntimeError
        else:
            await self.may_end.wait()
            await PlainTextResponse("done")(scope, receive, send)

    async def has_begun(self, count: int) -> None:
        async def look() -> bool:
            return self.begun == count

        await eventually(look)

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield b"first"
        await self.may_end.wait()


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def client(work: Work) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Shedding(work, MAX), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://mlsploit.test")


async def test_beyond_the_limit_a_request_is_refused_at_once_and_may_come_again(
    client: httpx.AsyncClient, work: Work
) -> None:
    at_work = [asyncio.create_task(client.get(PATH)) for _ in range(MAX)]
    await work.has_begun(MAX)

    refused = [await client.get(PATH) for _ in range(5)]

    assert {(one.status_code, one.headers["retry-after"]) for one in refused} == {(503, "1")}
    assert refused[0].json() == {"detail": "The service is busy; ask again in a moment."}
    assert work.begun == MAX
    work.may_end.set()
    assert {answer.status_code for answer in await asyncio.gather(*at_work)} == {200}
    again = await asyncio.gather(*(client.get(PATH) for _ in range(MAX)))
    assert {answer.status_code for answer in again} == {200}


async def test_probes_and_internal_calls_are_let_in_however_busy_it_is(
    client: httpx.AsyncClient, work: Work
) -> None:
    paths = [PATH] * MAX + ["/readyz", "/internal/runs/"]
    asked = [asyncio.create_task(client.get(path)) for path in paths]

    await work.has_begun(len(paths))

    work.may_end.set()
    assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}


async def test_streams_and_slow_senders_and_failures_keep_no_place(
    client: httpx.AsyncClient, work: Work
) -> None:
    may_send = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        await may_send.wait()
        yield b"late"

    others = [asyncio.create_task(client.get(f"{PATH}?stream")) for _ in range(MAX)]
    others += [asyncio.create_task(client.post(PATH, content=slowly())) for _ in range(MAX)]
    for _ in range(MAX):
        assert (await client.get(f"{PATH}?fail")).status_code == 500
    await work.has_begun(3 * MAX)

    at_work = [asyncio.create_task(client.get(PATH)) for _ in range(MAX)]
    await work.has_begun(4 * MAX)

    assert (await client.get(PATH)).status_code == 503
    may_send.set()
    work.may_end.set()
    answers = await asyncio.gather(*others, *at_work)
    assert {answer.status_code for answer in answers} == {200}


async def test_who_is_at_work_goes_on_before_others_begin(work: Work) -> None:
    transport = httpx.ASGITransport(Shedding(work, 100))
    async with httpx.AsyncClient(transport=transport, base_url="http://mlsploit.test") as client:
        first, *others = [asyncio.create_task(client.get(f"{PATH}?steps")) for _ in range(100)]

        begun_at_its_end = int((await first).text)

        assert begun_at_its_end <= STEPS
        assert {answer.status_code for answer in await asyncio.gather(*others)} == {200}
