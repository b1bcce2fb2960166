"""Tells the gateway which modules this worker serves, so that it can say why a job waits.

Best effort: jobs run without it, and a gateway that does not know the route is left in peace.
"""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

import structlog

from execution.failures import GatewayRefusal, GatewayTrouble
from execution.gateway import Gateway
from execution.settings import WorkerSettings

CALLS_PER_PRESENCE = 3
# After trouble, or where nobody knows the route (yet).
TROUBLE_SECONDS = 5.0
UNKNOWN_SECONDS = 60.0
LEAVE_SECONDS_MAX = 3.0

log = structlog.get_logger(__name__)


class Registration:
    def __init__(
        self, gateway: Gateway, settings: WorkerSettings, modules: Callable[[], Collection[str]]
    ) -> None:
        self._gateway = gateway
        self._settings = settings
        self._modules = modules
        self._changed = asyncio.Event()
        self._is_refused = False

    def tell(self) -> None:
        """The modules changed: say so at once."""
        self._changed.set()

    async def keep(self) -> None:
        """Ends only by cancellation."""
        while True:
            self._changed.clear()
            pause = await self._register()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def leave(self) -> None:
        """Nobody needs to wait until this worker's presence runs out."""
        with suppress(GatewayTrouble, GatewayRefusal, ValueError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS_MAX):
                await self._gateway.register(self._settings.name, [], self._settings.jobs)

    async def _register(self) -> float:
        """The pause until the next call."""
        modules = sorted(self._modules())
        try:
            seconds = await self._gateway.register(
                self._settings.name, modules, self._settings.jobs
            )
        except GatewayTrouble as trouble:
            log.warning("not_registered", reason=str(trouble), retry_in_seconds=TROUBLE_SECONDS)
            return TROUBLE_SECONDS
        except (GatewayRefusal, ValueError) as refusal:
            if not self._is_refused:
                log.warning("registration_refused", reason=str(refusal))
            self._is_refused = True
            return UNKNOWN_SECONDS
        self._is_refused = False
        return seconds / CALLS_PER_PRESENCE
