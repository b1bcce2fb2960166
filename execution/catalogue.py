"""Which modules exist: asked at the start, and again whenever an event says that one changed.

Events only wake it; what it knows always comes whole from the gateway, so that a missed event costs
a late look and no more.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from execution.claims import ModuleVersion
from execution.failures import GatewayRefusal, GatewayTrouble
from execution.gateway import Gateway
from execution.pulling import StoppablePulling
from shared.events.streams import EVENTS_STREAM
from shared.messaging.broker import Broker

MODULE_EVENTS = "mlsploit.events.modules.module.*"
LOOK_AGAIN_SECONDS = 60.0
# After a failed look, then twice as long each time; the first jobs wait for it.
RETRY_SECONDS = 0.25
RETRY_SECONDS_MAX = 4.0
FORGOTTEN_AFTER_SECONDS = 300.0

log = structlog.get_logger(__name__)

OnModules = Callable[[list[ModuleVersion]], None]


class Catalogue:
    """Calls `on_modules` with all registered modules, at first and after every change."""

    def __init__(self, gateway: Gateway, broker: Broker, on_modules: OnModules) -> None:
        self._gateway = gateway
        self._on_modules = on_modules
        self._changed = asyncio.Event()
        self.is_known = asyncio.Event()
        # An ephemeral consumer of this worker's own: every worker hears of every change.
        config = ConsumerConfig(
            filter_subject=MODULE_EVENTS,
            deliver_policy=DeliverPolicy.NEW,
            ack_policy=AckPolicy.EXPLICIT,
            inactive_threshold=FORGOTTEN_AFTER_SECONDS,
        )
        self._events = StoppablePulling(broker, EVENTS_STREAM, config, self._hear)

    async def follow(self) -> None:
        """Ends only by cancellation."""
        self._events.start()
        retry = RETRY_SECONDS
        while True:
            self._changed.clear()
            if await self._look():
                pause, retry = LOOK_AGAIN_SECONDS, RETRY_SECONDS
            else:
                pause, retry = retry, min(2 * retry, RETRY_SECONDS_MAX)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def stop(self) -> None:
        await self._events.stop()

    async def _look(self) -> bool:
        try:
            modules = await self._gateway.list_modules()
        except (GatewayTrouble, GatewayRefusal, ValueError) as error:
            log.warning("modules_unknown", reason=str(error))
            return False
        self._on_modules(modules)
        self.is_known.set()
        return True

    async def _hear(self, message: Msg) -> None:
        self._changed.set()
        await message.ack()
