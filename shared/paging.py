"""Lists in pages, in another order, between two dates: alike for every list of the system.

Pages go by key, never by offset: what is added or deleted meanwhile makes no row come twice or stay
away. Without any of these parameters a list is whole and in the contract's order.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from fastapi import Request
from sqlalchemy import Integer, Select, bindparam, tuple_
from starlette.responses import Response

from shared.answers import json_response
from shared.db import UtcDateTime
from shared.errors import InvalidFields
from shared.hyperlinks import ID_MAX, hyperlinks
from shared.lists import not_a_choice

LIMIT_MAX = 1000
NOT_A_NUMBER = "A valid integer is required."
TOO_SMALL = "Ensure this value is greater than or equal to 1."
TOO_LARGE = f"Ensure this value is less than or equal to {LIMIT_MAX}."
NOT_A_DATE = "Enter a valid date or date-time, e.g. 2026-01-31T12:00:00Z."
NOT_A_CURSOR = "Not a cursor of this list in this order. Take it from the Link header, unchanged."

Key = tuple[Any, int]
W = TypeVar("W", bound=Any)


@dataclass(frozen=True)
class Orders:
    """What a list may be sorted by: the clients' names and the columns, `id` always among them.

    `default` may start with `-`; `created` is the column that `?created_after=` looks at.
    """

    columns: Mapping[str, Any]
    created: Any
    default: str = "id"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sign + name for name in self.columns for sign in ("", "-"))

    def chosen(self, text: str) -> str:
        if text not in self.names:
            raise ValueError(not_a_choice(text))
        return text


class Page:
    """One request's part of a list. `rows` fetches it, `answer` says where the next one is."""

    def __init__(
        self, orders: Orders, asked: Mapping[str, str | None] | None = None, address: str = ""
    ):
        """Without `asked` the whole list; `address` is the client's own, up to the cursor."""
        faults: dict[str, list[str]] = {}
        self._asked = asked or {}

        def read(name: str, parse: Callable[[str], Any]) -> Any:
            text = self._asked.get(name)
            try:
                return parse(text) if text else None
            except ValueError as error:
                faults[name] = [str(error)]
            return None

        self._orders = orders
        self._address = address
        self.next_cursor: str | None = None
        self._ordering: str = read("ordering", orders.chosen) or orders.default
        self._name = self._ordering.removeprefix("-")
        self._column = orders.columns[self._name]
        self._limit: int | None = read("limit", _limit)
        self._after: Key | None = read("cursor", self._key_of)
        self._created_after: datetime | None = read("created_after", _moment)
        self._created_before: datetime | None = read("created_before", _moment)
        if faults:
            raise InvalidFields(faults)

    @property
    def shape(self) -> Hashable:
        """What of a statement depends on the page; the rest are `params`."""
        return (self._ordering, *self.params)

    @property
    def params(self) -> dict[str, Any]:
        value, last_id = self._after or (None, None)
        found = {
            "page_limit": None if self._limit is None else self._limit + 1,
            "page_value": None if self._name == "id" else value,
            "page_id": last_id,
            "page_created_after": self._created_after,
            "page_created_before": self._created_before,
        }
        return {name: given for name, given in found.items() if given is not None}

    def applied(self, statement: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
        """In this page's order, and only its rows, once `params` are given with it.

        It selects every column that it may be sorted by; `cut` takes what it finds.
        """
        columns = tuple(dict.fromkeys((self._column, self._orders.columns["id"])))
        is_down = self._ordering.startswith("-")
        if self._after is not None:
            # Compared as one row, so that an index leads there at once, however far it is.
            names = ("page_id",) if len(columns) == 1 else ("page_value", "page_id")
            place = tuple_(
                *(bindparam(n, type_=c.type) for n, c in zip(names, columns, strict=True))
            )
            here = tuple_(*columns)
            statement = statement.where(here < place if is_down else here > place)
        if self._created_after is not None:
            statement = statement.where(self._orders.created > bindparam("page_created_after"))
        if self._created_before is not None:
            statement = statement.where(self._orders.created < bindparam("page_created_before"))
        if self._limit is not None:
            statement = statement.limit(bindparam("page_limit", type_=Integer))
        return statement.order_by(*(each.desc() if is_down else each for each in columns))

    def cut(self, rows: Sequence[Any]) -> Sequence[Any]:
        """The one more than asked for tells that there is a next page."""
        if self._limit is not None and len(rows) > self._limit:
            rows = rows[: self._limit]
            self.next_cursor = self._cursor_after(rows[-1])
        return rows

    @property
    def is_everything(self) -> bool:
        """Whether these are all the rows that the list's filter finds."""
        return self.next_cursor is None and not self.params.keys() - {"page_limit"}

    def part(self, former: "Page | None" = None) -> "Page":
        """Of a whole list the first page, or the one after this; the page that was asked for."""
        if self._limit is not None:
            return self
        cursor = former.next_cursor if former is not None else self._asked.get("cursor")
        return Page(self._orders, {**self._asked, "limit": str(LIMIT_MAX), "cursor": cursor})

    def narrowed(self, which: W, rows: Sequence[Any]) -> W:
        """The list's filter, for the details of these rows: of a page, not of all there is."""
        return which if self.is_everything else replace(which, ids=[row.id for row in rows])

    def answer(self, shown: list[dict[str, Any]]) -> Response:
        link = {"Link": f'<{self._address}cursor={self.next_cursor}>; rel="next"'}
        return json_response(shown, headers=link if self.next_cursor is not None else None)

    def _cursor_after(self, row: Any) -> str:
        value = getattr(row, self._column.key or "")
        value = value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        text = json.dumps([self._ordering, value, row.id], separators=(",", ":"))
        return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    def _key_of(self, cursor: str) -> Key:
        """What `_cursor_after` wrote; a cursor of another order would skip and repeat."""
        try:
            padding = "=" * (-len(cursor) % 4)
            ordering, value, row_id = json.loads(urlsafe_b64decode(cursor + padding))
            if isinstance(self._column.type, UtcDateTime):
                value = _moment(value)
            elif not _is_id(value):
                raise ValueError
        except (ValueError, TypeError, RecursionError):
            raise ValueError(NOT_A_CURSOR) from None
        if ordering != self._ordering or not _is_id(row_id):
            raise ValueError(NOT_A_CURSOR)
        return value, row_id


def _is_id(value: object) -> bool:
    return type(value) is int and 0 <= value <= ID_MAX


def _limit(text: str) -> int:
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise ValueError(NOT_A_NUMBER)
    if text.startswith("-") or not text.strip("0"):
        raise ValueError(TOO_SMALL)
    if len(text.lstrip("0")) > len(str(LIMIT_MAX)) or int(text) > LIMIT_MAX:
        raise ValueError(TOO_LARGE)
    return int(text)


def _moment(text: object) -> datetime:
    """ISO 8601; without a zone it is UTC. An unescaped `+` has become a blank on its way."""
    if not isinstance(text, str):
        raise ValueError(NOT_A_DATE)
    for written in (text, text.replace(" ", "+")):
        try:
            moment = datetime.fromisoformat(written)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise ValueError(NOT_A_DATE)


def pages(orders: Orders) -> Callable[..., Awaitable[Page]]:
    """A dependency: the page of such a list that the query string asks for."""

    async def page(request: Request) -> Page:
        # `Page` judges all parameters together; `list_parameters` tells of them.
        kept = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
        query = "".join(f"{urlencode([pair])}&" for pair in kept)
        here = (await hyperlinks(request)).path(request.url.path)
        return Page(orders, request.query_params, f"{here}?{query}")

    return page
