"""Removes what is kept long enough, and counts what is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Table, delete, exists, func, select

from hookpoint.hooks.deliveries.database import Database
from hookpoint.hooks.deliveries.observer import Counts, DeliveryObserver
from hookpoint.hooks.deliveries.tables import (
    DEAD,
    DONE,
    INTENT,
    REFUSED,
    SETTLED,
    UNKNOWN,
    WAITING,
    deliveries,
    events,
    has_state,
)
from hookpoint.hooks.delivery_policy import DeliveryPolicy

_PURGE_INTERVAL: Final = 600.0

log = structlog.get_logger(__name__)


class Upkeep:
    """Keeps the tables small and the metrics true. `clock` is in seconds since 1970."""

    def __init__(
        self,
        database: Database,
        *,
        policy: DeliveryPolicy,
        observer: DeliveryObserver,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._policy = policy
        self._observer = observer
        self._clock = clock
        self._next_purge = 0.0

    async def run(self) -> None:
        """Tell the observer what there is, and purge when it is time."""
        self._observer.counts(await self.count())
        if self._clock() >= self._next_purge:
            await self.purge()
            self._next_purge = self._clock() + _PURGE_INTERVAL

    async def count(self) -> Counts:
        """What there is now."""
        waiting = has_state(deliveries, WAITING)
        oldest = (
            select(func.min(events.c.changed_at))
            .join_from(deliveries, events, events.c.seq == deliveries.c.seq)
            .where(waiting)
        )
        async with self._database.read() as connection:

            async def counted(table: Table, state: str) -> int:
                found = select(func.count()).select_from(table).where(has_state(table, state))
                return await connection.scalar(found) or 0

            since = await connection.scalar(oldest)
            return Counts(
                waiting=await counted(deliveries, WAITING),
                dead=await counted(deliveries, DEAD),
                open=await counted(events, INTENT),
                unknown=await counted(events, UNKNOWN),
                oldest=0.0 if since is None else max(0.0, self._clock() - since / 1000),
            )

    async def purge(self) -> None:
        """Remove finished deliveries that are old enough, and events without any left; what was never delivered is logged."""
        done = _before(deliveries, self._now(self._policy.keep_done))
        dead = _before(deliveries, self._now(self._policy.keep_dead))
        old = _before(events, self._now(self._policy.keep_done))
        very_old = _before(events, self._now(self._policy.keep_dead))
        delivered = ~exists().where(deliveries.c.seq == events.c.seq)
        await self._remove(deliveries, has_state(deliveries, DONE), done)
        lost = await self._remove(deliveries, has_state(deliveries, DEAD), dead)
        await self._remove(events, has_state(events, SETTLED), old, delivered)
        await self._remove(events, has_state(events, REFUSED), old)
        unknown = await self._remove(events, has_state(events, UNKNOWN), very_old)
        if lost or unknown:
            log.warning("undelivered_events_removed", dead=lost, unknown=unknown)

    async def _remove(self, table: Table, *where: ColumnElement[bool]) -> int:
        async with self._database.begin() as connection:
            return (await connection.execute(delete(table).where(*where))).rowcount

    def _now(self, before: float) -> int:
        return int((self._clock() - before) * 1000)


def _before(table: Table, time_limit: int) -> ColumnElement[bool]:
    return table.c.changed_at <= time_limit
