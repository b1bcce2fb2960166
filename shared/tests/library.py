"""A small service of its own for the tests of pages, conditions and repeated requests.

Its routes know of pages only; the rest comes with the kernel, as in every service.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from sqlalchemy import Column, Integer, Table, Text, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from shared.answers import created, json_response, no_content
from shared.app import Service, create_app
from shared.auth import Caller, requires
from shared.bodies import Body, SubmissionDep, accepts
from shared.clock import iso
from shared.db import DatabaseDep, ReadSessionDep, SessionDep, UtcDateTime, service_metadata
from shared.errors import BadRequest, Conflict, NotFound
from shared.fields import Text as Words
from shared.hyperlinks import Hyperlinks, HyperlinksDep, PathId
from shared.idempotency import keep_created
from shared.messaging.tables import add_messaging_tables
from shared.openapi import list_parameters
from shared.paging import Orders, Page, pages
from shared.settings import ServiceSettings
from shared.steady import SteadyDep
from shared.testing.peers import Peers
from shared.tests.ledger import ENVIRONMENT, MIGRATION
from shared.whole_lists import answer_list

METADATA = service_metadata()
add_messaging_tables(METADATA)
TABLE = Table(
    "books",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
BOOKS = "/api/v1/books/"
# Two books a day, so that dates alone do not tell an order.
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = Orders({"id": TABLE.c.id, "date_created": TABLE.c.created_at}, created=TABLE.c.created_at)

Reader = Annotated[Caller, requires("books:read")]
Writer = Annotated[Caller, requires("books:write")]
BookPage = Annotated[Page, Depends(pages(ORDERS))]
router = APIRouter(prefix="/api/v1/books")


class Book(Body):
    title: Annotated[str, Words()]


async def nothing() -> None:
    pass


class Shelf:
    """Lets a test hold a request that is at work."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        # The same, once the book is there and before anybody is told.
        self.says_so = asyncio.Event()
        self.says_so.set()
        self.waiting = 0
        self.lists_made = 0
        self.parts_made = 0
        # Done before each part of a list is made.
        self.before_part: Callable[[], Awaitable[None]] = nothing
        # When a list would look different without any change.
        self.lists_end_at = math.inf

    async def show_part(self) -> None:
        self.parts_made += 1
        await self.before_part()

    async def pass_through(self) -> None:
        self.waiting += 1
        await self.open.wait()

    async def say_so(self) -> None:
        self.waiting += 1
        await self.says_so.wait()


shelf = Shelf()


def _show(row: Any, links: Hyperlinks) -> dict[str, Any]:
    return {
        "id": row.id,
        "url": links.item("books", row.id),
        "title": row.title,
        "date_created": iso(row.created_at),
    }


async def _get(session: AsyncSession, book_id: int) -> Any:
    row = (await session.execute(select(TABLE).where(TABLE.c.id == book_id))).one_or_none()
    if row is None:
        raise NotFound
    return row


async def add_books(session: AsyncSession, *titles: str, at: datetime = FIRST_DAY) -> None:
    for title in titles:
        await session.execute(insert(TABLE).values(title=title, created_at=at))


async def titles_in(session: AsyncSession) -> Sequence[str]:
    return (await session.scalars(select(TABLE.c.title).order_by(TABLE.c.id))).all()


@router.get("/", openapi_extra=list_parameters(orders=ORDERS))
async def list_books(
    _caller: Reader,
    request: Request,
    page: BookPage,
    database: DatabaseDep,
    links: HyperlinksDep,
    steady: SteadyDep,
) -> Response:
    shelf.lists_made += 1
    steady.ends(shelf.lists_end_at)

    async def show(session: AsyncSession, part: Page) -> list[dict[str, Any]]:
        await shelf.show_part()
        rows = (await session.execute(part.applied(select(TABLE)), part.params)).all()
        return [_show(row, links) for row in part.cut(rows)]

    return await answer_list(request, page, database.reading, show)


@router.post("/", status_code=201, openapi_extra=accepts(Book))
async def create_book(
    _caller: Writer, submission: SubmissionDep, database: DatabaseDep, links: HyperlinksDep
) -> Response:
    title = submission.into(Book).title
    if title == "unreadable":
        raise BadRequest("Nobody can read that.")
    await shelf.pass_through()
    values = {"title": title, "created_at": FIRST_DAY}
    async with database.transaction() as session:
        answer = await session.execute(insert(TABLE).values(values).returning(TABLE))
        book = _show(answer.one(), links)
        await keep_created(session, book)
        if title == "never":
            raise Conflict
    await shelf.say_so()
    return created(book)


@router.get("/{book_id}/")
async def read_book(
    book_id: PathId, _caller: Reader, session: ReadSessionDep, links: HyperlinksDep
) -> Response:
    return json_response(_show(await _get(session, book_id), links))


@router.patch("/{book_id}/", openapi_extra=accepts(Book))
async def change_book(
    book_id: PathId,
    _caller: Writer,
    submission: SubmissionDep,
    session: SessionDep,
    links: HyperlinksDep,
) -> Response:
    await _get(session, book_id)
    title = submission.into(Book).title
    await session.execute(update(TABLE).where(TABLE.c.id == book_id).values(title=title))
    return json_response(_show(await _get(session, book_id), links))


@router.delete("/{book_id}/", status_code=204)
async def delete_book(book_id: PathId, _caller: Writer, session: SessionDep) -> Response:
    await _get(session, book_id)
    await session.execute(delete(TABLE).where(TABLE.c.id == book_id))
    return no_content()


def build_library(folder: Path, peers: Peers, database_url: str) -> FastAPI:
    migrations = folder / "migrations"
    (migrations / "versions").mkdir(parents=True, exist_ok=True)
    (migrations / "env.py").write_text(ENVIRONMENT.replace("ledger", "library"))
    migration = MIGRATION.replace("ledger", "library")
    (migrations / "versions" / "0001_initial.py").write_text(migration)
    settings = ServiceSettings(data_dir=folder, nats_url="", database_url=database_url)
    described = Service(
        name="library",
        title="Library",
        settings=settings,
        routers=(router,),
        migrations=migrations,
    )
    return create_app(described, transport=peers)
