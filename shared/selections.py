"""SELECTs that are built once for each way of narrowing them, not once for each request.

To build a statement costs several times what the database takes to answer it. A selection keeps
what it has built, by which columns narrow it and by the shape of the page; the values are
parameters. There are few shapes: a list has a handful of filters.
"""

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, bindparam
from sqlalchemy.ext.asyncio import AsyncSession

from shared.paging import Page

# A column and the values that it may have; None does not narrow.
Narrowing = Sequence[tuple[Any, Sequence[Any] | None]]


class Selection:
    """Plain columns of a list, to be narrowed and paged."""

    def __init__(self, statement: Select[*tuple[Any, ...]]):
        self._statement = statement
        self._built: dict[Any, Select[*tuple[Any, ...]]] = {}
        names = [each.key or "" for each in statement.selected_columns]
        # A column of SQLAlchemy's own rows takes ten times as long to look up.
        self._row = namedtuple("Row", names)._make  # type: ignore[attr-defined]  # mypy reads literals only

    async def rows(
        self, session: AsyncSession, narrowing: Narrowing, page: Page | None = None
    ) -> Sequence[Any]:
        """Without a page in the statement's own order."""
        wanted = [(column, values) for column, values in narrowing if values is not None]
        statement = self._narrowed([(column, len(values)) for column, values in wanted], page)
        # One value is compared as it is: to write out a list of values costs more.
        params = {
            f"only_{at}": values[0] if len(values) == 1 else values
            for at, (_, values) in enumerate(wanted)
        }
        if page is not None:
            params |= page.params
        rows = [self._row(row) for row in await session.execute(statement, params)]
        return page.cut(rows) if page is not None else rows

    def _narrowed(
        self, wanted: list[tuple[Any, int]], page: Page | None
    ) -> Select[*tuple[Any, ...]]:
        shape = (*((column, count == 1) for column, count in wanted), page and page.shape)
        statement = self._built.get(shape)
        if statement is None:
            statement = self._statement.where(
                *(
                    column == bindparam(f"only_{at}")
                    if count == 1
                    else column.in_(bindparam(f"only_{at}", expanding=True))
                    for at, (column, count) in enumerate(wanted)
                )
            )
            statement = self._built[shape] = page.applied(statement) if page else statement
        return statement
