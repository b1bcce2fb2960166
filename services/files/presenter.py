"""A file as clients see one, and as other services do."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncSession

from services.files import queries
from services.files.links import MediaLinks
from services.files.schemas import FileFilter
from shared.clock import iso
from shared.hyperlinks import Hyperlinks
from shared.paging import Page

FIELDS = (
    "id",
    "url",
    "name",
    "owner",
    "blob_url",
    "kind",
    "tags",
    "parent_file",
    "modified_versions",
    "date_uploaded",
    "size",
    "sha256",
)
VERSIONS_FIELD = "modified_versions"


class Presenter:
    """Only the fields that are wanted are made: signing a link for each of thousands costs."""

    def __init__(self, links: Hyperlinks, media: MediaLinks):
        self._links = links
        self._media = media

    async def show_page(
        self, session: AsyncSession, which: FileFilter, wanted: frozenset[str], page: Page
    ) -> list[dict[str, Any]]:
        files = await queries.list_files(session, which, page)
        versions = {}
        if VERSIONS_FIELD in wanted:
            versions = await queries.list_versions(session, page.narrowed(which, files))
        return self.show(files, versions, wanted)

    def show(
        self,
        files: Sequence[Any],
        versions: Mapping[int, list[int]],
        wanted: frozenset[str] = frozenset(FIELDS),
    ) -> list[dict[str, Any]]:
        item = self._links.item
        writers: dict[str, Callable[[Any], Any]] = {
            "id": lambda file: file.id,
            "url": lambda file: item("files", file.id),
            "name": lambda file: file.name,
            "owner": lambda file: item("users", file.owner_id),
            "blob_url": self._blob_url,
            "kind": lambda file: file.kind,
            "tags": lambda file: file.tags,
            "parent_file": lambda file: self._links.maybe("files", file.parent_id),
            VERSIONS_FIELD: lambda file: [item("files", one) for one in versions.get(file.id, [])],
            "date_uploaded": lambda file: iso(file.uploaded_at),
            "size": lambda file: file.size,
            "sha256": lambda file: file.sha256,
        }
        chosen = [(name, writers[name]) for name in FIELDS if name in wanted]
        return [{name: write(file) for name, write in chosen} for file in files]

    def links_change_at(self) -> float:
        """When the same file would be shown with another `blob_url`."""
        return self._media.period_ends_at()

    def show_one(self, file: Any, versions: Mapping[int, list[int]]) -> dict[str, Any]:
        [shown] = self.show([file], versions)
        return shown

    def show_to_services(self, files: Sequence[Any]) -> list[dict[str, Any]]:
        return [
            {
                "id": file.id,
                "url": self._links.item("files", file.id),
                "name": file.name,
                "kind": file.kind,
                "owner_id": file.owner_id,
                "blob_url": self._blob_url(file),
                "size": file.size,
                "sha256": file.sha256,
                "tags": file.tags,
                "date_uploaded": iso(file.uploaded_at),
            }
            for file in files
        ]

    def _blob_url(self, file: Any) -> str:
        link = self._media.sign(file.id)
        return self._links.path(f"/media/files/{link}/{quote(file.name, safe='')}")
