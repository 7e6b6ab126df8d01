"""The step from an event that has happened to the deliveries of its hooks, within a transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from hookpoint.hooks.deliveries.errors import NoIntent
from hookpoint.hooks.deliveries.payload import Codec, DurableEvent, Payload, point_of
from hookpoint.hooks.deliveries.tables import SETTLED, WAITING, deliveries, events
from hookpoint.hooks.registry import Registry


class Settling:
    """Writes events that have happened, and a delivery for each hook that wants them."""

    def __init__(self, registry: Registry, codec: Codec) -> None:
        self._registry = registry
        self._codec = codec

    async def settle(self, connection: AsyncConnection, event: DurableEvent, now: int) -> bool:
        """Settle a stored event; False when it is settled already. Raises NoIntent. `now` is in milliseconds."""
        statement = (
            update(events)
            .where(events.c.id == event.id, events.c.state != SETTLED)
            .values(state=SETTLED, changed_at=now, **self._codec.columns(Payload(event=event)))
            .returning(events.c.seq, events.c.subject)
        )
        settled = (await connection.execute(statement)).one_or_none()
        if settled is None:
            if await connection.scalar(select(events.c.seq).where(events.c.id == event.id)) is None:
                raise NoIntent(f"nothing is stored of the event {event.id}")
            return False
        await self._queue(connection, settled.seq, settled.subject, event, now)
        return True

    async def insert(self, connection: AsyncConnection, row: dict[str, Any], event: DurableEvent, now: int) -> bool:
        """Store an event as settled; False when one with its id is there already."""
        insertion = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(events)
        statement = insertion.values(row).on_conflict_do_nothing(index_elements=["id"]).returning(events.c.seq)
        seq = await connection.scalar(statement)
        if seq is None:
            return False
        await self._queue(connection, seq, row["subject"], event, now)
        return True

    async def _queue(
        self, connection: AsyncConnection, seq: int, subject: bytes, event: DurableEvent, now: int
    ) -> None:
        hooks = [hook for hook in self._registry.hooks_of(point_of(event)) if hook.options.when.matches(event)]
        rows = [
            {
                "seq": seq,
                "hook": hook.name,
                "subject": subject,
                "state": WAITING,
                "attempts": 0,
                "due_at": now,
                "owner": None,
                "error": "",
                "changed_at": now,
            }
            for hook in hooks
        ]
        if rows:
            await connection.execute(insert(deliveries), rows)
