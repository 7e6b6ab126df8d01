"""What is in the queue, for operators: seeing it, trying again, and saying what became of a call."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import ColumnElement, Select, case, literal, null, select, update

from hookpoint.hooks.deliveries.database import Database
from hookpoint.hooks.deliveries.errors import NoIntent
from hookpoint.hooks.deliveries.payload import Codec, DurableEvent
from hookpoint.hooks.deliveries.settling import Settling
from hookpoint.hooks.deliveries.tables import DEAD, DONE, INTENT, REFUSED, UNKNOWN, WAITING, deliveries, events
from hookpoint.hooks.registry import Registry

State: TypeAlias = Literal["waiting", "running", "done", "dead", "open", "unknown", "refused"]
STATES: Final[tuple[State, ...]] = ("waiting", "running", "done", "dead", "open", "unknown", "refused")
_RUNNING: Final = "running"
_OPEN: Final = "open"
_UNSETTLED: Final = (INTENT, UNKNOWN, REFUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One delivery, or a call without any yet (then `hook` is empty).

    `due` is when it is tried next, or when the lease of a running one ends; None when it is finished. `error` is of the last attempt.
    """

    event_id: str
    point: str
    hook: str
    state: State
    attempts: int
    began: datetime
    changed: datetime
    due: datetime | None
    error: str


class DeliveryRegister:
    """Reads and changes the queue; a running worker sees the changes when it next looks. `clock` is in seconds since 1970.

    Every method raises what the database raises.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        *,
        codec: Codec,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._codec = codec
        self._settling = Settling(registry, codec)
        self._clock = clock

    async def entries(
        self,
        *,
        states: Collection[str] = (),
        event_id: str | None = None,
        point: str | None = None,
        hook: str | None = None,
        limit: int | None = None,
    ) -> Sequence[Entry]:
        """What is there, in the order in which calls began; of all kinds where nothing is given."""
        found = _entries(self._now()).subquery()
        query = select(found).order_by(found.c.seq, found.c.hook).limit(limit)
        for column, wanted in ((found.c.id, event_id), (found.c.point, point), (found.c.hook, hook)):
            if wanted is not None:
                query = query.where(column == wanted)
        if states:
            query = query.where(found.c.state.in_(states))
        async with self._database.read() as connection:
            return [_entry(row) for row in await connection.execute(query)]

    async def event(self, event_id: str) -> DurableEvent | None:
        """The event that hooks are given; raises PayloadUnreadable."""
        query = select(events.c.point, events.c.payload, events.c.seal).where(events.c.id == event_id)
        async with self._database.read() as connection:
            found = (await connection.execute(query)).one_or_none()
        return None if found is None else self._codec.payload(found.point, event_id, found.payload, found.seal).event

    async def replay(self, *, event_id: str | None = None, hook: str | None = None, done: bool = False) -> int:
        """Make dead deliveries due as if they had never been tried, those that are done too if `done`; returns how many."""
        where: list[ColumnElement[bool]] = [deliveries.c.state.in_((DEAD, DONE) if done else (DEAD,))]
        if event_id is not None:
            where.append(deliveries.c.seq == select(events.c.seq).where(events.c.id == event_id).scalar_subquery())
        if hook is not None:
            where.append(deliveries.c.hook == hook)
        now = self._now()
        statement = update(deliveries).where(*where)
        async with self._database.begin() as connection:
            again = statement.values(state=WAITING, attempts=0, due_at=now, owner=None, error="", changed_at=now)
            return (await connection.execute(again)).rowcount

    async def resolve(self, event_id: str, *, happened: bool, user_id: str | None = None) -> bool:
        """Say what became of a call whose outcome is unknown; False when another one is known, or still looked for.

        Raises NoIntent when there is no such event, PayloadUnreadable.
        """
        event = await self.event(event_id)
        if event is None:
            raise NoIntent(f"there is no event {event_id}")
        if user_id is not None:
            event = replace(event, user=replace(event.user, id=user_id))
        now = self._now()
        async with self._database.begin() as connection:
            unknown = update(events).where(events.c.id == event_id, events.c.state == UNKNOWN)
            taken = await connection.execute(unknown.values(state=REFUSED, changed_at=now))
            if taken.rowcount and happened:
                await connection.run_sync(self._settling.settle, event, now)
            return bool(taken.rowcount)

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _entries(now: int) -> Select[*tuple[Any, ...]]:
    running = (deliveries.c.owner.is_not(None)) & (deliveries.c.due_at > now) & (deliveries.c.state == WAITING)
    of_deliveries = select(
        events.c.seq,
        events.c.id,
        events.c.point,
        deliveries.c.hook,
        case((running, _RUNNING), else_=deliveries.c.state).label("state"),
        deliveries.c.attempts,
        events.c.created_at,
        deliveries.c.changed_at,
        case((deliveries.c.state == WAITING, deliveries.c.due_at), else_=null()).label("due_at"),
        deliveries.c.error,
    ).join_from(deliveries, events, events.c.seq == deliveries.c.seq)
    of_calls = select(
        events.c.seq,
        events.c.id,
        events.c.point,
        literal("").label("hook"),
        case((events.c.state == INTENT, _OPEN), else_=events.c.state).label("state"),
        events.c.lookups.label("attempts"),
        events.c.created_at,
        events.c.changed_at,
        case((events.c.state == INTENT, events.c.due_at), else_=null()).label("due_at"),
        literal("").label("error"),
    ).where(events.c.state.in_(_UNSETTLED))
    return select(of_deliveries.union_all(of_calls).subquery())


def _entry(row: Any) -> Entry:
    return Entry(
        event_id=row.id,
        point=row.point,
        hook=row.hook,
        state=row.state,
        attempts=row.attempts,
        began=_time(row.created_at),
        changed=_time(row.changed_at),
        due=None if row.due_at is None else _time(row.due_at),
        error=row.error,
    )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
