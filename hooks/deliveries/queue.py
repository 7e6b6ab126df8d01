"""The queue of deliveries: any number of workers, on any number of machines, take from it and give back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import Select, bindparam, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hookpoint.hooks.deliveries.database import Database
from hookpoint.hooks.deliveries.tables import DEAD, DONE, INTENT, WAITING, deliveries, events, has_state
from hookpoint.hooks.deliveries.transactions import Transactions

_MAX_ERROR: Final = 500
_Due: TypeAlias = "Select[*tuple[Any, ...]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A delivery that this process may run: of which event (as stored), to which hook, for which time (`attempt` counts from 1).

    `until` is when others may take it, in milliseconds since 1970.
    """

    seq: int
    hook: str
    attempt: int
    until: int
    event_id: str
    point: str
    payload: str
    seal: str | None


class DeliveryQueue:
    """The deliveries in a database, for one worker, whose name is `owner`. `clock` is in seconds since 1970."""

    def __init__(
        self,
        database: Database,
        transactions: Transactions,
        *,
        owner: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._transactions = transactions
        self._owner = owner
        self._clock = clock

    async def lease(self, limit: int, lease_of: Callable[[str], float]) -> Sequence[Leased]:
        """Take due deliveries; each is this worker's for as many seconds as `lease_of` says of its hook.

        No two of one subject are out for one hook at a time, and none while an earlier one of its subject waits for that hook, or
        for the outcome of its call.
        """
        due = _due(self._now())
        async with self._database.read() as connection:  # mostly there is none, and readers are in nobody's way
            if (await connection.execute(due.limit(1))).first() is None:
                return []
        return await self._transactions.run(lambda connection: self._take(connection, due.limit(limit), lease_of))

    async def _take(self, connection: AsyncConnection, due: _Due, lease_of: Callable[[str], float]) -> Sequence[Leased]:
        found = due.with_for_update(of=deliveries, skip_locked=True)
        taken = (await connection.execute(found)).all()
        if not taken:
            return []
        now = self._now()
        until = {hook: now + int(lease_of(hook) * 1000) for hook in {row.hook for row in taken}}
        await connection.execute(
            update(deliveries)
            .where(deliveries.c.seq == bindparam("of_seq"), deliveries.c.hook == bindparam("of_hook"))
            .values(attempts=deliveries.c.attempts + 1, due_at=bindparam("until"), owner=self._owner),
            [{"of_seq": row.seq, "of_hook": row.hook, "until": until[row.hook]} for row in taken],
        )
        return [
            Leased(
                seq=row.seq,
                hook=row.hook,
                attempt=row.attempts + 1,
                until=until[row.hook],
                event_id=row.id,
                point=row.point,
                payload=row.payload,
                seal=row.seal,
            )
            for row in taken
        ]

    def holds(self, leased: Leased, seconds: float) -> bool:
        """Whether nobody else may take the delivery for as long as that."""
        return self._now() + int(seconds * 1000) <= leased.until

    async def finish(self, leased: Leased) -> None:
        """The hook ran."""
        await self._write(leased, state=DONE, error="", due_at=self._now())

    async def retry(self, leased: Leased, *, error: str, after: float) -> None:
        """The hook failed and is tried again, `after` seconds from now."""
        await self._write(leased, error=error[:_MAX_ERROR], due_at=self._now() + int(after * 1000))

    async def bury(self, leased: Leased, *, error: str) -> None:
        """The hook is not tried again."""
        await self._write(leased, state=DEAD, error=error[:_MAX_ERROR], due_at=self._now())

    async def give_back(self, leased: Iterable[Leased]) -> None:
        """Leave deliveries to others that were not run to their end; that was no attempt."""
        now = self._now()
        await asyncio.gather(*(self._write(each, attempts=each.attempt - 1, due_at=now) for each in leased))

    async def _write(self, leased: Leased, **values: object) -> None:
        statement = (
            update(deliveries)
            .where(
                deliveries.c.seq == leased.seq,
                deliveries.c.hook == leased.hook,
                deliveries.c.owner == self._owner,  # else the lease ended, and it is another's
                deliveries.c.attempts == leased.attempt,
            )
            .values(owner=None, changed_at=self._now(), **values)
        )
        await self._transactions.run(lambda connection: connection.execute(statement))

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _due(now: int) -> _Due:
    earlier, open_calls = deliveries.alias("earlier"), events.alias("open_calls")
    waits_for_hook = exists().where(
        has_state(earlier, WAITING),
        earlier.c.hook == deliveries.c.hook,
        earlier.c.subject == deliveries.c.subject,
        earlier.c.seq < deliveries.c.seq,
    )
    waits_for_outcome = exists().where(
        has_state(open_calls, INTENT),
        open_calls.c.subject == deliveries.c.subject,
        open_calls.c.seq < deliveries.c.seq,
    )
    return (
        select(
            deliveries.c.seq,
            deliveries.c.hook,
            deliveries.c.attempts,
            events.c.id,
            events.c.point,
            events.c.payload,
            events.c.seal,
        )
        .join_from(deliveries, events, events.c.seq == deliveries.c.seq)
        .where(has_state(deliveries, WAITING), deliveries.c.due_at <= now, ~waits_for_hook, ~waits_for_outcome)
        .order_by(deliveries.c.due_at, deliveries.c.seq)
    )
