"""Where events are stored before anything happens, so that none is lost when the process is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Executable, bindparam, delete, insert

from hookpoint.hooks.deliveries.handing_over import NO_OFFER, Offer, Settled, TakeNothing, Taker
from hookpoint.hooks.deliveries.payload import Codec, DurableEvent, Payload, point_of
from hookpoint.hooks.deliveries.settling import Settling
from hookpoint.hooks.deliveries.tables import INTENT, SETTLED, events
from hookpoint.hooks.deliveries.transactions import Transactions
from hookpoint.hooks.delivery_policy import DeliveryPolicy
from hookpoint.hooks.registry import Registry

_INTEND: Final = insert(events)
_WITHDRAW: Final = delete(events).where(events.c.id == bindparam("of_id"), events.c.state != SETTLED)


class Outbox:
    """Stores events whose hooks run after the answer.

    A flow calls `intend` before its call to the server, and then `settle` or `withdraw`. Every method raises what the database raises
    when it cannot be used; then nothing was stored. `taker` runs what is due. `clock` is in seconds since 1970.
    """

    def __init__(
        self,
        transactions: Transactions,
        registry: Registry,
        *,
        policy: DeliveryPolicy,
        codec: Codec,
        taker: Taker | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._transactions = transactions
        self._registry = registry
        self._policy = policy
        self._codec = codec
        self._settling = Settling(registry, codec)
        self._taker = taker or TakeNothing()
        self._clock = clock

    def has_hooks(self, event: type[DurableEvent]) -> bool:
        """Whether any hook wants events of this class; without one, nothing need be stored."""
        return any(hook.point.event is event for hook in self._registry)

    async def intend(self, event: DurableEvent, *, subject: str, lookup: Mapping[str, str]) -> None:
        """Store what is about to happen, before the call goes to the server: as much of the event as is known then.

        `subject` says whom the event concerns: hooks get the events of one subject in the order of their intents. `lookup` is what
        the `Resolver` needs, should this process end before the outcome is stored; nothing secret.
        """
        row = self._row(Payload(event=event, lookup=lookup), subject, INTENT, self._policy.outcome_after)
        await self._transactions.run(lambda connection: _execute(connection, _INTEND, row))

    async def settle(self, event: DurableEvent) -> None:
        """Make the event due, now that it has happened; the same `id`, and what is known now in place of what was.

        Until it returns, the client must not be told of a success: a process that ends in between leaves an intent only. Settling
        again changes nothing. Raises NoIntent.
        """
        now = self._now()
        await self._hand_over(event, lambda connection, offer: self._settling.settle(connection, event, now, offer))

    async def withdraw(self, event_id: str) -> None:
        """Forget an intent: the server refused, or the call never reached it."""
        await self._transactions.run(lambda connection: _execute(connection, _WITHDRAW, {"of_id": event_id}))
        self._taker.take(NO_OFFER, Settled(others=True))  # later events of the same subject may go now

    async def accept(self, event: DurableEvent, *, subject: str) -> bool:
        """Store an event that has happened already and make it due; False when one with its `id` was accepted before."""
        row = self._row(Payload(event=event), subject, SETTLED, 0.0)
        now = self._now()
        return await self._hand_over(
            event, lambda connection, offer: self._settling.insert(connection, row, event, now, offer)
        )

    async def _hand_over(self, event: DurableEvent, settle: Callable[[Connection, Offer], Settled | None]) -> bool:
        """Settle an event in a transaction, and give the worker what it has then; False when it was settled already."""
        offer = self._taker.offer(len(self._settling.hooks_of(event)))

        def take(settled: Settled | None) -> None:
            self._taker.take(offer, settled or Settled())

        return await self._transactions.run(lambda connection: settle(connection, offer), then=take) is not None

    def _row(self, payload: Payload, subject: str, state: str, due_in: float) -> dict[str, Any]:
        now = self._now()
        return {
            "id": payload.event.id,
            "point": point_of(payload.event).name,
            "subject": self._codec.digest(subject),
            "state": state,
            "lookups": 0,
            "due_at": now + int(due_in * 1000),
            "created_at": now,
            "changed_at": now,
            **self._codec.columns(payload),
        }

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _execute(connection: Connection, statement: Executable, parameters: dict[str, Any]) -> None:
    connection.execute(statement, parameters)
