"""A user as clients see one: our own columns, and what files and pipelines say they own."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from shared.auth import Caller
from shared.clients.files import FilesClient
from shared.clients.pipelines import PipelinesClient
from shared.hyperlinks import Hyperlinks

FIELDS = ("id", "url", "username", "is_staff", "files", "pipelines")
REMOTE_FIELDS = frozenset({"files", "pipelines"})


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

    async def show(
        self,
        users: Sequence[UserColumns],
        caller: Caller,
        wanted: frozenset[str] = frozenset(FIELDS),
    ) -> list[dict[str, Any]]:
        ids = [user.id for user in users if user.id is not None]
        files: dict[int, list[int]] = {}
        pipelines: dict[int, list[int]] = {}
        if wanted & REMOTE_FIELDS:
            files, pipelines = await asyncio.gather(
                self._files.ids_by_owner(ids, caller=caller),
                self._pipelines.ids_by_owner(ids, caller=caller),
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
