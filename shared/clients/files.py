"""What others ask the files service: who owns what, and keeping files from deletion."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from shared.auth import Caller
from shared.clients.asking import PeerRefused, ServiceClient
from shared.clients.batches import batches
from shared.errors import LINK_MISSING, InvalidFields
from shared.hyperlinks import id_of

Role = Literal["input", "output"]


class FileView(BaseModel):
    """The part of a file that callers rely on. `blob_url` is on the host the client used."""

    id: int
    url: str
    name: str
    kind: str
    owner_id: int
    blob_url: str
    size: int
    sha256: str
    tags: str
    date_uploaded: datetime


class FilesClient(ServiceClient):
    async def ids_by_owner(self, owner_ids: list[int], *, caller: Caller) -> dict[int, list[int]]:
        """File ids, ascending, for each of the owners that has any."""
        found: dict[int, list[int]] = {}
        for some in batches(owner_ids):
            query = {"owner": ",".join(map(str, some)), "fields": "id,owner"}
            for row in await self._get("/api/v1/files/", caller, query):
                found.setdefault(id_of(row["owner"]), []).append(row["id"])
        return found

    async def describe(self, file_ids: list[int], *, caller: Caller) -> list[FileView]:
        """Those of these files that the caller may see, ascending."""
        found: list[FileView] = []
        for some in batches(file_ids):
            query = {"id": ",".join(map(str, some))}
            rows = await self._get("/internal/files/", caller, query)
            found.extend(FileView.model_validate(row) for row in rows)
        return found

    async def hold(
        self,
        holder: str,
        file_ids: list[int],
        *,
        role: Role,
        owner_id: int,
        caller: Caller,
    ) -> list[FileView]:
        """Keep these files from deletion for `holder` (a run's key); safe to repeat.

        Raises InvalidFields on `files` for `input` and on `output_files` for `output`, with
        the contract's text, when one does not exist, is another's or is of the wrong kind.
        """
        body: dict[str, Any] = {
            "holder": holder,
            "role": role,
            "owner_id": owner_id,
            "file_ids": file_ids,
        }
        try:
            rows = await self._ask("POST", "/internal/references/", caller, json=body)
        except PeerRefused as refusal:
            field = "files" if role == "input" else "output_files"
            texts = refusal.body.get("files", [LINK_MISSING])
            raise InvalidFields({field: texts}) from None
        return [FileView.model_validate(row) for row in rows]

    async def let_go(self, holder: str, *, caller: Caller) -> None:
        """End what is held for a run that will not be made."""
        await self._ask("DELETE", "/internal/references/", caller, params={"holder": holder})
