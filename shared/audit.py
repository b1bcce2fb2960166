"""What administrators do, noted in the transaction that does it: neither without the other.

Nobody has to remember to call this: what an administrator changes by a request,
or by a command, is noted with the first transaction that commits for it. A worker is none.
"""

from contextvars import ContextVar
from typing import Any

import structlog
from fastapi import Request
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from shared.clock import utc_now
from shared.messaging.tables import audit_log

TARGET_CHARACTERS_MAX = 500
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

log = structlog.get_logger("audit")

# Who does what to what, until it is noted.
current: ContextVar[dict[str, Any] | None] = ContextVar("deed", default=None)


def begin(actor: str, action: str, target: str, client: str = "") -> None:
    target = target[:TARGET_CHARACTERS_MAX]
    current.set({"actor": actor, "action": action, "target": target, "client": client})


def begin_request(actor: str, request: Request) -> None:
    if request.method not in SAFE_METHODS:
        # The name of the route's function says what is done: delete_user.
        action = getattr(request.scope.get("route"), "name", request.method)
        # The last hop is what the gateway saw; anybody wrote what stands before it.
        client = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()[:64]
        begin(actor, action, request.url.path, client)


async def note(session: AsyncSession) -> dict[str, Any] | None:
    """The line about what is being done, if it is an administrator's and not noted yet."""
    deed = current.get()
    if deed is None:
        return None
    request_id = structlog.contextvars.get_contextvars().get("x-request-id", "")
    row = {**deed, "at": utc_now(), "request_id": request_id}
    await session.execute(insert(audit_log).values(row))
    return row


def tell(row: dict[str, Any]) -> None:
    """Once it is committed the log says so, too; what else is committed is the same deed."""
    current.set(None)
    if row["request_id"]:  # A command has none, and its output is for its answer.
        log.info(row["action"], actor=row["actor"], target=row["target"])
