"""Fetches the services' OpenAPI documents and keeps them for a while.

They change only when a service is replaced. A service that is away keeps its last known part; one
never seen is named as missing, and the rest is shown.
"""

import asyncio
import time
from collections.abc import Mapping

import httpx

from gateway.portal.openapi import Document, merge

KEPT_SECONDS = 30.0
FETCH_SECONDS_MAX = 3.0


class Documents:
    """The merged document, renewed when the last fetch is old."""

    def __init__(self, http: httpx.AsyncClient, services: Mapping[str, str], own: Document):
        self._http = http
        self._services = services
        self._own = own
        self._known: dict[str, tuple[Document, float]] = {}

    async def merged(self) -> Document:
        await asyncio.gather(*(self._renew(name) for name in self._services if self._is_old(name)))
        known = {name: self._known[name][0] for name in self._services if name in self._known}
        silent = [name for name in self._services if name not in known]
        return merge({**known, "portal": self._own}, silent=silent)

    def _is_old(self, name: str) -> bool:
        fetched_at = self._known[name][1] if name in self._known else float("-inf")
        return time.monotonic() - fetched_at > KEPT_SECONDS

    async def _renew(self, name: str) -> None:
        try:
            answer = await self._http.get(
                f"{self._services[name]}/openapi.json", timeout=FETCH_SECONDS_MAX
            )
            answer.raise_for_status()
            self._known[name] = (answer.json(), time.monotonic())
        except (httpx.HTTPError, ValueError):
            return
