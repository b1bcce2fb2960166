"""Who builds an image, when several workers of one engine want the same one at once: the first.

The engine makes one volume of a name and gives everybody who asks the labels of its first maker, so
an empty volume is a lock that all its workers see. One of a worker that was killed is removed at
that worker's next start, or by whoever has waited for longer than a build may take.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import docker
from docker.errors import APIError

LOOK_SECONDS = 0.5
GRACE = timedelta(seconds=60)
HOLDER = "mlsploit.holder"


class BuildTurns:
    def __init__(
        self, engine: docker.DockerClient, labels: dict[str, str], seconds_max: float
    ) -> None:
        self._engine = engine
        self._labels = labels
        self._too_old = timedelta(seconds=seconds_max) + GRACE

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Waits for it; what another did meanwhile is for the caller to see."""
        volume, holder = f"mlsploit-build-{name}", str(uuid4())
        # Another process lets go of it: there is nothing to wait on.
        while not await asyncio.to_thread(self._take, volume, holder):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        try:
            yield
        finally:
            await asyncio.to_thread(self._remove, volume)

    def clear_leftovers(self) -> None:
        """Turns that this worker had when it was killed."""
        label = [f"{name}={value}" for name, value in self._labels.items()]
        for volume in self._engine.volumes.list(filters={"label": label}):
            self._remove(str(volume.name))

    def _take(self, volume: str, holder: str) -> bool:
        labels = {**self._labels, HOLDER: holder}
        found = self._engine.volumes.create(volume, labels=labels).attrs
        if (found.get("Labels") or {}).get(HOLDER) == holder:
            return True
        if datetime.now(UTC) - datetime.fromisoformat(found["CreatedAt"]) > self._too_old:
            self._remove(volume)
        return False

    def _remove(self, volume: str) -> None:
        with suppress(APIError):
            self._engine.api.remove_volume(volume)
