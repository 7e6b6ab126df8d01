"""The queue of deliveries: any number of workers, on any number of machines, take from it and give back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Select, bindparam, exists, select, update

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
    subject: bytes = field(repr=False)
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
        self.owner: Final = owner
        self._clock = clock

    async def lease(self, limit: int, lease_of: Callable[[str], float]) -> Sequence[Leased]:
        """Take due deliveries; each is this worker's for as many seconds as `lease_of` says of its hook.

        No two of one subject are out for one hook at a time, and none while an earlier one of its subject waits for that hook, or
        for the outcome of its call.
        """
        now = self._now()
        async with self._database.read() as connection:  # mostly there is none, and readers are in nobody's way
            if (await connection.execute(_IS_DUE, {"now": now})).first() is None:
                return []
        return await self._transactions.run(lambda connection: self._take(connection, limit, lease_of), durable=False)

    def _take(self, connection: Connection, limit: int, lease_of: Callable[[str], float]) -> Sequence[Leased]:
        taken = connection.execute(_FOUND, {"now": self._now(), "most": limit}).all()
        if not taken:
            return []
        now = self._now()
        until = {hook: now + int(lease_of(hook) * 1000) for hook in {row.hook for row in taken}}
        connection.execute(
            _LEASE,
            [{"of_seq": row.seq, "of_hook": row.hook, "until": until[row.hook], "by": self.owner} for row in taken],
        )
        return [
            Leased(
                seq=row.seq,
                hook=row.hook,
                subject=row.subject,
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

    async def finish(self, leased: Leased) -> bool:
        """The hook ran; whether a later event of the same subject waited for that."""
        return await self._write(leased, state=DONE, due_at=self._now())

    async def retry(self, leased: Leased, *, error: str, after: float) -> None:
        """The hook failed and is tried again, `after` seconds from now."""
        await self._write(leased, error=error, due_at=self._now() + int(after * 1000))

    async def bury(self, leased: Leased, *, error: str) -> bool:
        """The hook is not tried again; whether a later event of the same subject waited for that."""
        return await self._write(leased, state=DEAD, error=error, due_at=self._now())

    async def give_back(self, leased: Iterable[Leased]) -> None:
        """Leave deliveries to others that were not run to their end; that was no attempt."""
        now = self._now()
        returned = [{**self._key(each), "now": now} for each in leased]

        def work(connection: Connection) -> None:
            connection.execute(_GIVE_BACK, returned)

        if returned:
            await self._transactions.run(work, durable=False)

    async def _write(self, leased: Leased, *, due_at: int, state: str = WAITING, error: str = "") -> bool:
        said = {"state": state, "error": error[:_MAX_ERROR], "due_at": due_at, "now": self._now()}
        parameters = {**self._key(leased), **said}

        def work(connection: Connection) -> bool:
            connection.execute(_END, parameters)
            if state == WAITING:
                return False
            later = {"of_seq": leased.seq, "of_hook": leased.hook, "of_subject": leased.subject}
            return connection.execute(_LATER, later).first() is not None

        return await self._transactions.run(work, durable=False)  # should that be lost, the hook runs again

    def _key(self, leased: Leased) -> dict[str, object]:
        return {
            "of_seq": leased.seq,
            "of_hook": leased.hook,
            "of_owner": self.owner,
            "of_attempts": leased.attempt,
        }

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _due() -> _Due:
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
            deliveries.c.subject,
            deliveries.c.attempts,
            events.c.id,
            events.c.point,
            events.c.payload,
            events.c.seal,
        )
        .join_from(deliveries, events, events.c.seq == deliveries.c.seq)
        .where(
            has_state(deliveries, WAITING), deliveries.c.due_at <= bindparam("now"), ~waits_for_hook, ~waits_for_outcome
        )
        .order_by(deliveries.c.due_at, deliveries.c.seq)
    )


# Made once: to make these statements takes longer than to run them.
_IS_DUE: Final = _due().limit(1)
_FOUND: Final = _due().limit(bindparam("most")).with_for_update(of=deliveries, skip_locked=True)
_LEASE: Final = (
    update(deliveries)
    .where(deliveries.c.seq == bindparam("of_seq"), deliveries.c.hook == bindparam("of_hook"))
    .values(attempts=deliveries.c.attempts + 1, due_at=bindparam("until"), owner=bindparam("by"))
)
_OWN: Final = update(deliveries).where(
    deliveries.c.seq == bindparam("of_seq"),
    deliveries.c.hook == bindparam("of_hook"),
    deliveries.c.owner == bindparam("of_owner"),  # else the lease ended, and it is another's
    deliveries.c.attempts == bindparam("of_attempts"),
)
_END: Final = _OWN.values(
    owner=None,
    state=bindparam("state"),
    error=bindparam("error"),
    due_at=bindparam("due_at"),
    changed_at=bindparam("now"),
)
_GIVE_BACK: Final = _OWN.values(
    owner=None, attempts=deliveries.c.attempts - 1, due_at=bindparam("now"), changed_at=bindparam("now")
)
_LATER: Final = (
    select(deliveries.c.seq)
    .where(
        has_state(deliveries, WAITING),
        deliveries.c.hook == bindparam("of_hook"),
        deliveries.c.subject == bindparam("of_subject"),
        deliveries.c.seq > bindparam("of_seq"),
    )
    .limit(1)
)
