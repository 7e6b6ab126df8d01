"""Keeps deliveries going in one process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from hookpoint.hooks.deliveries.delivering import Delivering
from hookpoint.hooks.deliveries.errors import DatabaseUnavailable
from hookpoint.hooks.deliveries.outcomes import Outcomes
from hookpoint.hooks.deliveries.queue import DeliveryQueue, Leased
from hookpoint.hooks.deliveries.upkeep import Upkeep

_UPKEEP_INTERVAL: Final = 15.0

log = structlog.get_logger(__name__)


class DeliveryWorker:
    """Takes deliveries from the queue and runs them, `concurrency` at a time.

    It looks for work when it is woken, when a delivery has ended, and every `poll` seconds for what other processes have stored.
    """

    def __init__(
        self,
        queue: DeliveryQueue,
        delivering: Delivering,
        outcomes: Outcomes,
        upkeep: Upkeep,
        *,
        concurrency: int,
        poll: float,
    ) -> None:
        self._queue = queue
        self._delivering = delivering
        self._outcomes = outcomes
        self._upkeep = upkeep
        self._concurrency = concurrency
        self._poll = poll
        self._awake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._running: dict[asyncio.Task[None], Leased] = {}
        self._loops: list[asyncio.Task[None]] = []

    def wake(self) -> None:
        """Look for work now."""
        self._awake.set()

    def start(self) -> None:
        """Begin, in the background."""
        if not self._loops:
            self._loops = [
                asyncio.create_task(self._deliver()),
                asyncio.create_task(self._repeat(self._outcomes.look_up, self._poll)),
                asyncio.create_task(self._repeat(self._upkeep.run, _UPKEEP_INTERVAL)),
            ]

    async def run_due(self) -> int:
        """Run all that is due now, and what becomes due by that; returns how many attempts were made."""
        attempts = 0
        while True:
            looked_up = await self._outcomes.look_up()
            leased = await self._queue.lease(self._concurrency, self._delivering.lease_of)
            if not leased and not looked_up:
                return attempts
            await asyncio.gather(*map(self._delivering.attempt, leased))
            attempts += len(leased)

    async def aclose(self, *, grace: float = 1.0) -> None:
        """Take no more, let what runs end within `grace` seconds, and leave the rest to other processes, or to the next start."""
        self._stopping.set()
        self.wake()
        if not self._loops:
            return
        # Not cancelled at once: what was just leased would stay leased, and what was begun in the database is best ended.
        _, late = await asyncio.wait(self._loops, timeout=grace)
        for loop in late:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        left = dict(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if left:
            log.info("deliveries_given_back", count=len(left))
            try:
                await self._queue.give_back(left.values())
            except Exception as error:  # noqa: BLE001 - their leases end by themselves
                log.warning("deliveries_not_given_back", reason=str(error))
        self._loops = []

    async def _deliver(self) -> None:
        while not self._stopping.is_set():
            self._awake.clear()
            try:
                await self._take()
            except Exception as error:  # noqa: BLE001 - deliveries go on when the reason is gone
                _log_interruption(error)
                await asyncio.sleep(self._poll)  # it is woken again and again while the database is away
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._awake.wait()

    async def _take(self) -> None:
        free = self._concurrency - len(self._running)
        if free <= 0 or self._stopping.is_set():
            return
        for leased in await self._queue.lease(free, self._delivering.lease_of):
            task = asyncio.create_task(self._attempt(leased))
            self._running[task] = leased
            task.add_done_callback(self._ended)

    async def _attempt(self, leased: Leased) -> None:
        try:
            await self._delivering.attempt(leased)
        except DatabaseUnavailable as error:  # its lease ends, and it is delivered again
            log.warning("delivery_not_recorded", event_id=leased.event_id, hook=leased.hook, reason=str(error))
        except Exception as error:
            log.error("delivery_not_recorded", event_id=leased.event_id, hook=leased.hook, exc_info=error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        self.wake()  # the next event of the same user may be due

    async def _repeat(self, work: Callable[[], Awaitable[object]], pause: float) -> None:
        while not self._stopping.is_set():
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - it goes on when the reason is gone
                _log_interruption(error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()


def _log_interruption(error: Exception) -> None:
    """A database that is away is told in a line; anything else is a mistake, and shows where it was made."""
    if isinstance(error, DatabaseUnavailable):
        log.warning("deliveries_interrupted", code=error.code, reason=str(error))
    else:
        log.error("deliveries_interrupted", reason=str(error), exc_info=error)
