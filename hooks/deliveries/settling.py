"""The step from an event that has happened to the deliveries of its hooks, within a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    CompoundSelect,
    Connection,
    bindparam,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from hookpoint.hooks.deliveries.errors import NoIntent
from hookpoint.hooks.deliveries.handing_over import NO_OFFER, Offer, Settled
from hookpoint.hooks.deliveries.payload import Codec, DurableEvent, Payload, point_of
from hookpoint.hooks.deliveries.queue import Leased
from hookpoint.hooks.deliveries.tables import INTENT, SETTLED, WAITING, deliveries, events, has_state
from hookpoint.hooks.registry import Hook, Registry

# Made once, like all that is run for each event: to make a statement takes longer than to run it.
_SETTLE: Final = (
    update(events)
    .where(events.c.id == bindparam("of_id"), events.c.state != SETTLED)
    .values(state=SETTLED, changed_at=bindparam("now"), payload=bindparam("payload"), seal=bindparam("seal"))
    .returning(events.c.seq, events.c.subject)
)
_QUEUE: Final = insert(deliveries)


class Settling:
    """Writes events that have happened, and a delivery for each hook that wants them.

    What may run now is leased at once to the worker that makes an offer, by the rules of `DeliveryQueue.lease`.
    """

    def __init__(self, registry: Registry, codec: Codec) -> None:
        self._registry = registry
        self._codec = codec
        self._in_line = _in_line(hook.name for hook in registry if not hook.point.blocking)

    def hooks_of(self, event: DurableEvent) -> Sequence[Hook]:
        """The hooks that want an event."""
        return [hook for hook in self._registry.hooks_of(point_of(event)) if hook.options.when.matches(event)]

    def settle(self, connection: Connection, event: DurableEvent, now: int, offer: Offer = NO_OFFER) -> Settled | None:
        """Settle a stored event; None when it is settled already. Raises NoIntent. `now` is in milliseconds."""
        payload = self._codec.columns(Payload(event=event))
        settled = connection.execute(_SETTLE, {"of_id": event.id, "now": now, **payload}).one_or_none()
        if settled is None:
            if connection.scalar(select(events.c.seq).where(events.c.id == event.id)) is None:
                raise NoIntent(f"nothing is stored of the event {event.id}")
            return None
        return self._queue(connection, settled.seq, settled.subject, event, payload, now, offer)

    def insert(
        self, connection: Connection, row: dict[str, Any], event: DurableEvent, now: int, offer: Offer = NO_OFFER
    ) -> Settled | None:
        """Store an event as settled; None when one with its id is there already."""
        insertion = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(events)
        statement = insertion.values(row).on_conflict_do_nothing(index_elements=["id"]).returning(events.c.seq)
        seq = connection.scalar(statement)
        if seq is None:
            return None
        return self._queue(connection, seq, row["subject"], event, row, now, offer)

    def _queue(
        self,
        connection: Connection,
        seq: int,
        subject: bytes,
        event: DurableEvent,
        payload: Mapping[str, Any],
        now: int,
        offer: Offer,
    ) -> Settled:
        hooks = self.hooks_of(event)
        in_line = connection.execute(self._in_line, {"subject": subject}).all()
        held_up = {row.hook for row in in_line if row.first < seq}
        free = [] if _OPEN_CALL in held_up else [hook.name for hook in hooks if hook.name not in held_up]
        until = {hook: now + int(offer.lease_of(hook) * 1000) for hook in free[: offer.most]}
        rows = [
            {
                "seq": seq,
                "hook": hook.name,
                "subject": subject,
                "state": WAITING,
                "attempts": 1 if hook.name in until else 0,
                "due_at": until.get(hook.name, now),
                "owner": offer.owner if hook.name in until else None,
                "error": "",
                "changed_at": now,
            }
            for hook in hooks
        ]
        if rows:
            connection.execute(_QUEUE, rows)
        leased = [
            Leased(
                seq=seq,
                hook=hook,
                subject=subject,
                attempt=1,
                until=until[hook],
                event_id=event.id,
                point=point_of(event).name,
                payload=payload["payload"],
                seal=payload["seal"],
            )
            for hook in until
        ]
        return Settled(leased=leased, others=len(leased) < len(rows) or any(row.last > seq for row in in_line))


_OPEN_CALL: Final = ""


def _in_line(hooks: Iterable[str]) -> CompoundSelect[Any, Any, Any]:
    """The first and the last event of a subject that waits, for each hook that it waits for, or as an open call."""
    named = or_(false(), *(deliveries.c.hook == hook for hook in sorted(set(hooks))))
    waiting = (
        select(deliveries.c.hook, func.min(deliveries.c.seq).label("first"), func.max(deliveries.c.seq).label("last"))
        .where(has_state(deliveries, WAITING), named, deliveries.c.subject == bindparam("subject"))
        .group_by(deliveries.c.hook)
    )
    open_calls = select(
        literal(_OPEN_CALL).label("hook"), func.min(events.c.seq).label("first"), func.max(events.c.seq).label("last")
    ).where(has_state(events, INTENT), events.c.subject == bindparam("subject"))
    return union_all(waiting, open_calls.having(func.count() > 0))
