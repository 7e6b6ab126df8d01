"""Keeps deliveries going in one process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from hookpoint.hooks.deliveries.delivering import Delivering
from hookpoint.hooks.deliveries.errors import DatabaseUnavailable
from hookpoint.hooks.deliveries.handing_over import Offer, Settled
from hookpoint.hooks.deliveries.outcomes import Outcomes
from hookpoint.hooks.deliveries.queue import DeliveryQueue, Leased
from hookpoint.hooks.deliveries.upkeep import Upkeep

_UPKEEP_INTERVAL: Final = 15.0

log = structlog.get_logger(__name__)


class DeliveryWorker:
    """Takes deliveries from the queue and runs them, `concurrency` at a time.

    It is given what this process settles, and looks for work when it is told that there may be some, and every `poll` seconds for what
    other processes have stored.
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
        self._running: dict[asyncio.Task[bool], Leased] = {}
        self._offered = 0
        self._none_offered = asyncio.Event()
        self._none_offered.set()
        self._short = False  # whether more may be due than there was room for
        self._loops: list[asyncio.Task[None]] = []

    def offer(self, wanted: int) -> Offer:
        """See `Taker`."""
        most = min(wanted, self._room()) if self._loops else 0
        self._short = self._short or most < wanted
        self._promise(most)
        return Offer(owner=self._queue.owner, most=most, lease_of=self._delivering.lease_of)

    def take(self, offer: Offer, settled: Settled) -> None:
        """See `Taker`."""
        self._promise(-offer.most)
        for leased in settled.leased:
            self._begin(leased)
        if settled.others:
            self._awake.set()

    def _promise(self, room: int) -> None:
        self._offered += room
        if self._offered:
            self._none_offered.clear()
        else:
            self._none_offered.set()

    def _room(self) -> int:
        return 0 if self._stopping.is_set() else max(0, self._concurrency - len(self._running) - self._offered)

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
        self._awake.set()
        if not self._loops:
            return
        # Not cancelled at once: what was just leased would stay leased, and what was begun in the database is best ended.
        _, late = await asyncio.wait(self._loops, timeout=grace)
        for loop in late:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._none_offered.wait()
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
        free = self._room()
        self._short = free == 0
        if not free:
            return
        self._promise(free)  # else what is settled meanwhile would come on top
        try:
            found = await self._queue.lease(free, self._delivering.lease_of)
        finally:
            self._promise(-free)
        self._short = self._short or len(found) == free
        for leased in found:
            self._begin(leased)

    def _begin(self, leased: Leased) -> None:
        task = asyncio.create_task(self._attempt(leased))
        self._running[task] = leased
        task.add_done_callback(self._ended)

    async def _attempt(self, leased: Leased) -> bool:
        try:
            return await self._delivering.attempt(leased)
        except DatabaseUnavailable as error:  # its lease ends, and it is delivered again
            log.warning("delivery_not_recorded", event_id=leased.event_id, hook=leased.hook, reason=str(error))
        except Exception as error:
            log.error("delivery_not_recorded", event_id=leased.event_id, hook=leased.hook, exc_info=error)
        return True

    def _ended(self, task: asyncio.Task[bool]) -> None:
        del self._running[task]
        if self._short or task.cancelled() or task.result():
            self._awake.set()

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
