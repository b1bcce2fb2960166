"""Whole lists of any length, in memory that hardly grows with them.

A long list is made in parts, by key, in one snapshot of the database, and kept compressed until it
is whole: 100 000 jobs are then a MiB or two. Then it is sent as a short one is, with its length and
its tag. So a fault is a fault and never half a list, and who reads slowly holds neither a
transaction nor a connection to the database.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from gzip import GzipFile
from hashlib import blake2b
from io import BytesIO
from typing import Any, TypeVar

import orjson
from fastapi import Request
from starlette.responses import Response, StreamingResponse

from shared.conditional import DIGEST_BYTES
from shared.paging import Page

Items = list[dict[str, Any]]
S = TypeVar("S")


async def answer_list(
    request: Request,
    page: Page,
    read: Callable[[], AbstractAsyncContextManager[S]],
    show: Callable[[S, Page], Awaitable[Items]],
) -> Response:
    """`show` makes the items of one page of what `read` opens; most lists are one."""
    part = page.part()
    async with read() as source:
        answer = part.answer(await show(source, part))
    if part is page or part.next_cursor is None:
        return answer
    del answer
    # Its turn is waited for with no connection in hand, so it is begun anew.
    async with request.app.state.database.long_reads, read() as source:
        return await _made(request, page, lambda part: show(source, part))


async def _made(request: Request, page: Page, show: Callable[[Page], Awaitable[Items]]) -> Response:
    kept, digest, length, part = BytesIO(), blake2b(digest_size=DIGEST_BYTES), 0, None
    # The quickest way will do: it is nearly all URLs of one host and names of fields.
    with GzipFile(fileobj=kept, mode="wb", compresslevel=1) as packed:
        while part is None or part.next_cursor is not None:
            part = page.part(part)
            items = orjson.dumps(await show(part), option=orjson.OPT_UTC_Z)[1:-1]
            text = (b"," if length else b"[") + items + (b"]" if part.next_cursor is None else b"")
            digest.update(text)
            length += packed.write(text)
            await asyncio.sleep(0)  # Whoever else waits has a turn.
            if await request.is_disconnected():
                return Response(status_code=499)  # Nobody hears it; the log does.
    headers = {"Content-Length": str(length), "ETag": f'"{digest.hexdigest()}"'}
    return StreamingResponse(_pieces(kept), headers=headers, media_type="application/json")


async def _pieces(kept: BytesIO) -> AsyncIterator[bytes]:
    kept.seek(0)
    with GzipFile(fileobj=kept, mode="rb") as packed:
        while piece := packed.read(65536):
            yield piece
            await asyncio.sleep(0)
