"""A file as clients see one, and as other services do."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncSession

from services.files import queries
from services.files.links import MediaLinks
from services.files.schemas import FileFilter
from shared.clock import shown
from shared.hyperlinks import Hyperlinks
from shared.lists import narrowed
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
    """Signs no link that nobody wants: to sign thousands of them costs."""

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
        urls, people = self._links.path("/api/v1/files/"), self._links.path("/api/v1/users/")
        blob_url = self._blob_urls() if "blob_url" in wanted else lambda _: ""
        none: list[int] = []
        return [
            narrowed(
                {
                    "id": file.id,
                    "url": f"{urls}{file.id}/",
                    "name": file.name,
                    "owner": f"{people}{file.owner_id}/",
                    "blob_url": blob_url(file),
                    "kind": file.kind,
                    "tags": file.tags,
                    "parent_file": None if file.parent_id is None else f"{urls}{file.parent_id}/",
                    VERSIONS_FIELD: [f"{urls}{one}/" for one in versions.get(file.id, none)],
                    "date_uploaded": shown(file.uploaded_at),
                    "size": file.size,
                    "sha256": file.sha256,
                },
                wanted,
            )
            for file in files
        ]

    def links_change_at(self) -> float:
        """When the same file would be shown with another `blob_url`."""
        return self._media.period_ends_at()

    def show_one(self, file: Any, versions: Mapping[int, list[int]]) -> dict[str, Any]:
        [only] = self.show([file], versions)
        return only

    def show_to_services(self, files: Sequence[Any]) -> list[dict[str, Any]]:
        blob_url = self._blob_urls()
        return [
            {
                "id": file.id,
                "url": self._links.item("files", file.id),
                "name": file.name,
                "kind": file.kind,
                "owner_id": file.owner_id,
                "blob_url": blob_url(file),
                "size": file.size,
                "sha256": file.sha256,
                "tags": file.tags,
                "date_uploaded": shown(file.uploaded_at),
            }
            for file in files
        ]

    def _blob_urls(self) -> Callable[[Any], str]:
        """Of any file, as good as just now."""
        media, sign = self._links.path("/media/files/"), self._media.signing()
        return lambda file: f"{media}{sign(file.id)}/{quote(file.name, safe='')}"
