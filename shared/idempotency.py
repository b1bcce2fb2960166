"""`Idempotency-Key`: a POST that is sent again is answered again, not done again.

The first request with a key claims it, and its answer is kept for a day; the same request again
gets that answer, another one with the same key is refused. Only success is kept: a refusal has
changed nothing, so asking again is harmless. An answer may hold a secret, such as a new token, so
it is kept under lock: the key that the client chose opens it, and only a digest of that is stored.
Invariant: while a request with a key is at work, no other with that key is. What `keep_created` is
told of is never done twice: the answer is kept in the transaction of the change, and who has lost
the key meanwhile, by a long standstill or a clock that was set, changes nothing.
"""

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import timedelta
from hashlib import blake2b
from typing import Any
from uuid import uuid4

import orjson
import structlog
from cryptography.fernet import Fernet
from python_multipart.multipart import parse_options_header
from sqlalchemy import Row, Update, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.answers import created
from shared.auth import authenticate
from shared.clock import utc_now
from shared.db import Database, will_pass
from shared.errors import ApiError, BadRequest, Conflict, Unavailable, render
from shared.messaging.tables import idempotency_keys as keys
from shared.telemetry import told_path

HEADER = "idempotency-key"
KEY_LENGTH_MAX = 512
KEPT_HOURS = 24
# A claim is renewed while its request is at work; one that is not was left by a crash.
CLAIM = timedelta(seconds=15)
RENEW_SECONDS = 5.0
# Longer than a claim: whoever waits for a crashed request gets its turn.
WAIT_SECONDS = 20.0
LOOK_AGAIN_SECONDS = 0.1
KEPT_HEADERS = frozenset({"content-type", "location"})

log = structlog.get_logger(__name__)


class KeyReused(ApiError):
    status = 422
    detail = "This Idempotency-Key came with another request before."


class StillAtWork(Conflict):
    detail = "The first request with this Idempotency-Key is still at work."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class Idempotent:
    """Between the edge and the routes, which know nothing of it."""

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        key = Headers(scope=scope).get(HEADER) if is_post else None
        database = getattr(scope["app"].state, "database", None) if key is not None else None
        if key is None or database is None:
            await self._app(scope, receive, send)
            return
        try:
            caller = await authenticate(Request(scope))
        except ApiError:
            # Nobody in particular: the route says what it thinks of that.
            await self._app(scope, receive, send)
            return
        who = f"{caller.user_id} {sorted(caller.scopes) if caller.scopes is not None else '*'}"
        body = BodyPrint(scope, receive)
        try:
            await self._answer(KeptAnswer(database, who, scope["path"], key), body, scope, send)
        except ApiError as refusal:
            await render(refusal)(scope, receive, send)
        except Exception as error:
            # Of our own transactions: the routes' are answered by then, and nothing has been sent.
            if not will_pass(error):
                raise
            log.warning("database_away", path=told_path(scope["path"]), reason=repr(error))
            await render(Unavailable())(scope, receive, send)

    async def _answer(
        self, kept: "KeptAnswer", body: "BodyPrint", scope: Scope, send: Send
    ) -> None:
        row = await kept.claim()
        if row is not None:
            await body.drain(bytes_max=row.body_bytes)
            if body.fingerprint() != row.fingerprint:
                raise KeyReused
            await kept.reopened(row)(scope, body.receive, send)
            return
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        at_work = _at_work.set((kept, body))
        try:
            async with kept.claimed():
                await self._app(scope, body.receive, collect)
                if messages and 200 <= messages[0]["status"] < 300:
                    await body.drain()
                    content = b"".join(message.get("body", b"") for message in messages)
                    headers = dict(Headers(scope=messages[0]))
                    await kept.keep(body, Response(content, messages[0]["status"], headers))
        finally:
            _at_work.reset(at_work)
        for message in messages:
            await send(message)


async def keep_created(session: AsyncSession, item: dict[str, Any]) -> dict[str, Any]:
    """Keep what the request with a key, if this is one, is about to be answered: 201 and this.

    As the last thing in the transaction of the change: whatever kills us afterwards, before the
    answer is out, a request that is sent again gets it and changes nothing.
    """
    at_work = _at_work.get()
    if at_work is not None and at_work[1].is_read:
        kept, body = at_work
        keeping = kept.keeping(body, created(item)).returning(keys.c.id)
        if (await session.execute(keeping)).first() is None:
            raise StillAtWork
    return item


class BodyPrint:
    """A digest of a body as it is read, whatever pieces it comes in.

    Forms are sent again with another boundary; it is the same form, so boundaries do not count.
    """

    def __init__(self, scope: Scope, receive: Receive):
        kind, options = parse_options_header(Headers(scope=scope).get("content-type"))
        self._boundary = options.get(b"boundary", b"")
        self._digest = blake2b(kind + b"\n" + scope["query_string"] + b"\n", digest_size=32)
        self._receive = receive
        self._rest = b""
        self.is_read = False
        self.size = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self.is_read = not message.get("more_body", False)
        self._add(message.get("body", b""))
        return message

    async def drain(self, *, bytes_max: int | None = None) -> None:
        """Read what nobody has read; beyond `bytes_max` it is another body anyway."""
        while not self.is_read and (bytes_max is None or self.size <= bytes_max):
            await self.receive()

    def fingerprint(self) -> str:
        whole = self._digest.copy()
        whole.update(self._rest)
        return whole.hexdigest()

    def _add(self, piece: bytes) -> None:
        if not self._boundary:
            self._count(piece)
            return
        *parts, rest = (self._rest + piece).split(self._boundary)
        for part in parts:
            self._count(part + b"\n")
        # A boundary may be cut in two by the end of this piece.
        cut = max(0, len(rest) - len(self._boundary) + 1)
        self._count(rest[:cut])
        self._rest = rest[cut:]

    def _count(self, data: bytes) -> None:
        self._digest.update(data)
        self.size += len(data)


class KeptAnswer:
    """The row of one key: claimed by one request at a time, then holding its answer."""

    def __init__(self, database: Database, who: str, path: str, key: str):
        if not 0 < len(key) <= KEY_LENGTH_MAX:
            raise BadRequest(f"An Idempotency-Key has 1 to {KEY_LENGTH_MAX} characters.")
        self._database = database
        self._holder = uuid4().hex
        whole = "\n".join((who, path, key)).encode()
        self._id = blake2b(whole, digest_size=32).hexdigest()
        secret = blake2b(whole, digest_size=32, person=b"kept answer").digest()
        self._lock = Fernet(urlsafe_b64encode(secret))
        self._is_kept = False

    async def claim(self) -> Row[Any] | None:
        """None: this request is the one to be done. A row: it was done, here is its answer."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                async with self._database.transaction(is_noted=False) as session:
                    row = await self._claim_or_find(session)
            except IntegrityError:  # Another request was faster by a moment.
                continue
            if row is None or row.status is not None:
                return row
            if time.monotonic() > deadline:
                raise StillAtWork
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _claim_or_find(self, session: AsyncSession) -> Row[Any] | None:
        now = utc_now()
        # No claim lasts for so long: it was made before a clock was set back, and may be dead.
        is_of_later = and_(
            keys.c.id == self._id, keys.c.status.is_(None), keys.c.expires_at > now + 4 * CLAIM
        )
        await session.execute(delete(keys).where(or_(keys.c.expires_at < now, is_of_later)))
        row = (await session.execute(select(keys).where(keys.c.id == self._id))).one_or_none()
        if row is not None:
            return row
        values = {"id": self._id, "holder": self._holder, "expires_at": now + CLAIM}
        await session.execute(insert(keys).values(values))
        return None

    @asynccontextmanager
    async def claimed(self) -> AsyncIterator[None]:
        """The claim lasts as long as the work, and goes with it unless an answer was kept."""
        renewal = asyncio.create_task(self._renew())
        try:
            yield
        finally:
            renewal.cancel()
            if not self._is_kept:
                async with self._database.transaction(is_noted=False) as session:
                    await session.execute(delete(keys).where(*self._mine()))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            renewed = update(keys).where(*self._mine()).values(expires_at=utc_now() + CLAIM)
            async with self._database.transaction(is_noted=False) as session:
                await session.execute(renewed)

    async def keep(self, body: BodyPrint, response: Response) -> None:
        """Changes nothing where the transaction of the change has kept it."""
        async with self._database.transaction(is_noted=False) as session:
            await session.execute(self.keeping(body, response))
        self._is_kept = True

    def keeping(self, body: BodyPrint, response: Response) -> Update:
        answer = {
            "headers": {k: response.headers[k] for k in KEPT_HEADERS if k in response.headers},
            "body": bytes(response.body).decode(),
        }
        return (
            update(keys)
            .where(*self._mine())
            .values(
                expires_at=utc_now() + timedelta(hours=KEPT_HOURS),
                fingerprint=body.fingerprint(),
                body_bytes=body.size,
                status=response.status_code,
                answer=self._lock.encrypt(orjson.dumps(answer)),
            )
        )

    def reopened(self, row: Row[Any]) -> Response:
        answer = orjson.loads(self._lock.decrypt(row.answer))
        headers = {**answer["headers"], "Idempotency-Replayed": "true"}
        return Response(answer["body"], status_code=row.status, headers=headers)

    def _mine(self) -> tuple[Any, ...]:
        """Without an answer yet: a renewal that comes late must not shorten a kept answer's day."""
        return keys.c.id == self._id, keys.c.holder == self._holder, keys.c.status.is_(None)


# The request with a key that is being answered here and now.
_at_work: ContextVar[tuple[KeptAnswer, BodyPrint] | None] = ContextVar("at_work", default=None)
