"""The right to one job: kept by heartbeats, and won back after a silence that nobody has used.

While the gateway is away the work goes on. When it comes back, the lease may have run out and the
job be on offer again: unless another worker was faster, it is claimed anew and nothing is lost.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import structlog

from execution.claims import Claim
from execution.failures import GatewayRefusal, GatewayTrouble, LeaseLost
from execution.gateway import Gateway, persist

HEARTBEATS_PER_LEASE = 3
TRIES_PER_LEASE = 10

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Tenure:
    def __init__(self, claim: Claim, gateway: Gateway, worker: str) -> None:
        self.claim = claim
        self._gateway = gateway
        self._worker = worker
        self._renewed_at = time.monotonic()
        self._one_at_a_time = asyncio.Lock()
        self._is_in_doubt = asyncio.Event()
        self._is_ending = False

    def doubt(self) -> None:
        """Somebody says that the job may not be ours any more: ask the gateway at once."""
        self._is_in_doubt.set()

    def end(self) -> None:
        """The final report ends the lease too; its own answer says what it came to."""
        self._is_ending = True

    async def keep(self) -> None:
        """Ends with LeaseLost, by cancellation, or after the final report."""
        pause = self.claim.lease.seconds / HEARTBEATS_PER_LEASE
        while True:
            await self._pause_or_doubt(pause)
            try:
                await self._renew()
                pause = self.claim.lease.seconds / HEARTBEATS_PER_LEASE
            except GatewayTrouble as trouble:
                log.warning("heartbeat_missed", job=self.claim.job.id, reason=str(trouble))
                pause = self.claim.lease.seconds / TRIES_PER_LEASE
            except LeaseLost:
                if self._is_ending:
                    return
                raise

    async def under_lease(self, ask: Callable[[Claim], Awaitable[T]]) -> T:
        """Ask under the lease, and when that is lost but can be won back, under the new one."""
        claim = self.claim
        try:
            return await ask(claim)
        except LeaseLost as lost:
            await self._win_back(claim, lost)
        return await ask(self.claim)

    async def _renew(self) -> None:
        sent_at = time.monotonic()
        await self.under_lease(self._gateway.heartbeat)
        self._renewed_at = max(self._renewed_at, sent_at)

    async def _win_back(self, old: Claim, lost: LeaseLost) -> None:
        async with self._one_at_a_time:
            if self.claim is not old:
                return
            # Lost within its time, it was taken away: canceled, deleted, given to somebody.
            if time.monotonic() - self._renewed_at < old.lease.seconds:
                raise lost
            sent_at = time.monotonic()
            try:
                new = await persist(lambda: self._gateway.claim(old.job.id, self._worker))
            except GatewayRefusal:
                raise lost from None
            if new.work != old.work:
                await self._give_back(new)
                raise lost
            log.info("lease_won_back", job=old.job.id, attempt=new.lease.attempt)
            self.claim, self._renewed_at = new, sent_at

    async def _give_back(self, claim: Claim) -> None:
        with suppress(GatewayTrouble, GatewayRefusal, LeaseLost):
            await self._gateway.release(claim, "it is not the work that was begun")

    async def _pause_or_doubt(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_in_doubt.wait()
        self._is_in_doubt.clear()
