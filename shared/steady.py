"""Polls of what has not changed, answered without making the answer again.

A route says that its answer is steady: made of its own database alone. The answer's tag is then
kept with the version that the database had before the answer was made. While the database still has
that version, the answer is the same by necessity, whoever may have written: nothing has to
remember to forget. A token is judged every time; only the one that got the answer is told of it.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import Headers
from starlette.types import Message, Scope

from shared.auth import authenticate
from shared.errors import ApiError

ANSWERS_KEPT_MAX = 4096
# What an answer depends on besides the path and the query.
_ASKED_BY = (b"authorization", b"host", b"x-forwarded-host", b"x-forwarded-proto")


class Steady:
    """How long an answer will do, as long as the database stays as it is."""

    def __init__(self, version: Hashable):
        self.version = version
        self.ends_at = math.inf

    def ends(self, moment: float) -> None:
        """By then the clock alone may have changed it; at 0 it is not steady after all."""
        self.ends_at = min(self.ends_at, moment)


async def begin_steady(request: Request) -> Steady:
    """Before anything is read: what is committed later makes the version another one."""
    steady = Steady(await request.app.state.database.version())
    request.state.steady = steady
    return steady


SteadyDep = Annotated[Steady, Depends(begin_steady)]


@dataclass(frozen=True)
class _Kept:
    steady: Steady
    tag: str
    headers: tuple[tuple[bytes, bytes], ...]
    route: Any


class SteadyAnswers:
    """The heads of the last steady answers that were given."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()

    async def find(self, scope: Scope, tags: list[str]) -> Message | None:
        """The 304 for a client that has one of these, if that is certain to be right."""
        kept = self._kept.get(_key(scope))
        if kept is None or kept.tag not in tags or kept.steady.ends_at <= time.time():
            return None
        try:
            await authenticate(Request(scope))
        except ApiError:
            return None  # The route says it.
        if await scope["app"].state.database.version() != kept.steady.version:
            return None
        scope["route"] = kept.route  # For the metrics, as if it had answered.
        return {"type": "http.response.start", "status": 304, "headers": list(kept.headers)}

    def keep(self, scope: Scope, head: Message) -> None:
        """What was answered just now, 200 or 304; nothing unless its route called it steady."""
        steady, tag = scope["state"].get("steady"), Headers(scope=head).get("etag")
        if steady is None or steady.ends_at == 0 or tag is None:
            return
        headers = [pair for pair in head["headers"] if not pair[0].startswith(b"content-")]
        key = _key(scope)
        self._kept[key] = _Kept(steady, tag, tuple(headers), scope.get("route"))
        self._kept.move_to_end(key)
        if len(self._kept) > ANSWERS_KEPT_MAX:
            self._kept.popitem(last=False)


def _key(scope: Scope) -> Hashable:
    asked_by = tuple(pair for pair in scope["headers"] if pair[0] in _ASKED_BY)
    return scope["path"], scope["query_string"], asked_by
