"""A user as clients see one: our own columns, and what files and pipelines say they own."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from services.users import queries
from shared.auth import Caller
from shared.clients.files import FilesClient
from shared.clients.pipelines import PipelinesClient
from shared.db import Database
from shared.hyperlinks import Hyperlinks
from shared.paging import Page

FIELDS = ("id", "url", "username", "is_staff", "files", "pipelines")
# What other services tell, and the scope that a narrowed token needs for each.
REMOTE_FIELDS = {"files": "files:read", "pipelines": "pipelines:read"}


class UserColumns(Protocol):
    @property
    def id(self) -> int | None: ...
    @property
    def username(self) -> str: ...
    @property
    def is_staff(self) -> bool: ...


class Presenter:
    """One call per peer for any number of users; none when the fields are not wanted."""

    def __init__(self, links: Hyperlinks, files: FilesClient, pipelines: PipelinesClient):
        self._links = links
        self._files = files
        self._pipelines = pipelines

    async def show_one(self, user: UserColumns, caller: Caller) -> dict[str, Any]:
        [shown] = await self.show([user], caller)
        return shown

    async def show_page(
        self, database: Database, caller: Caller, wanted: frozenset[str], page: Page
    ) -> list[dict[str, Any]]:
        async with database.reading() as session:
            users = await queries.list_users(session, page, only_id=caller.only_owner)
        return await self.show(users, caller, wanted)

    async def show(
        self,
        users: Sequence[UserColumns],
        caller: Caller,
        wanted: frozenset[str] = frozenset(FIELDS),
    ) -> list[dict[str, Any]]:
        wanted -= {name for name, scope in REMOTE_FIELDS.items() if not caller.may(scope)}
        ids = [user.id for user in users if user.id is not None]
        files, pipelines = await asyncio.gather(
            self._files.ids_by_owner(ids if "files" in wanted else [], caller=caller),
            self._pipelines.ids_by_owner(ids if "pipelines" in wanted else [], caller=caller),
        )
        item = self._links.item
        shown = [
            {
                "id": user.id,
                "url": item("users", user.id or 0),
                "username": user.username,
                "is_staff": user.is_staff,
                "files": [item("files", one) for one in files.get(user.id or 0, [])],
                "pipelines": [item("pipelines", one) for one in pipelines.get(user.id or 0, [])],
            }
            for user in users
        ]
        return [{name: one[name] for name in FIELDS if name in wanted} for one in shown]
