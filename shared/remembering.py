"""Answers of peers that are kept, so that asking again for what has not changed costs a 304.

Nothing is believed without being asked: the peer judges the caller and says whether its answer is
still the same (shared/conditional.py). So what is kept can never be out of date.
"""

from collections import OrderedDict
from collections.abc import Hashable

import httpx

ANSWERS_KEPT_MAX = 500
BYTES_KEPT_MAX = 64 * 1024
# What an answer depends on besides its address.
_ASKED_BY = ("authorization", "x-forwarded-host", "x-forwarded-proto")


class Remembering(httpx.AsyncBaseTransport):
    """In front of the network to the peers."""

    def __init__(self, network: httpx.AsyncBaseTransport):
        self._network = network
        self._kept: OrderedDict[Hashable, tuple[str, httpx.Response]] = OrderedDict()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            return await self._network.handle_async_request(request)
        key = (str(request.url), *(request.headers.get(name) for name in _ASKED_BY))
        kept = self._kept.get(key)
        if kept is not None:
            request.headers["if-none-match"] = kept[0]
        answer = await self._network.handle_async_request(request)
        if kept is not None and answer.status_code == 304:
            await answer.aread()
            return kept[1]
        await self._keep(key, answer)
        return answer

    async def aclose(self) -> None:
        await self._network.aclose()

    async def _keep(self, key: Hashable, answer: httpx.Response) -> None:
        tag = answer.headers.get("etag")
        if answer.status_code != 200 or tag is None:
            return
        if len(await answer.aread()) <= BYTES_KEPT_MAX:
            self._kept[key] = (tag, answer)
            self._kept.move_to_end(key)
            if len(self._kept) > ANSWERS_KEPT_MAX:
                self._kept.popitem(last=False)
