"""Takes intents whose call must have ended long ago, and settles, refuses or lists them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from sqlalchemy import select, update

from hookpoint.hooks.deliveries.database import Database
from hookpoint.hooks.deliveries.errors import PayloadUnreadable
from hookpoint.hooks.deliveries.payload import Codec
from hookpoint.hooks.deliveries.resolver import CannotTell, DidNotHappen, Happened, Intent, Resolution, Resolver
from hookpoint.hooks.deliveries.settling import Settling
from hookpoint.hooks.deliveries.tables import INTENT, REFUSED, UNKNOWN, events, has_state
from hookpoint.hooks.delivery_policy import DeliveryPolicy

_AT_ONCE: Final = 10
_MARGIN: Final = 5.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    seq: int
    id: str
    point: str
    payload: str
    seal: str | None
    created_at: int
    lookups: int


class Outcomes:
    """Finds out what became of calls. `clock` is in seconds since 1970."""

    def __init__(
        self,
        database: Database,
        settling: Settling,
        *,
        resolver: Resolver,
        policy: DeliveryPolicy,
        codec: Codec,
        rng: random.Random,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._settling = settling
        self._resolver = resolver
        self._policy = policy
        self._codec = codec
        self._rng = rng
        self._clock = clock

    async def look_up(self) -> bool:
        """Look up what is due to be; whether anything was."""
        found = await self._take()
        await asyncio.gather(*map(self._resolve, found))
        return bool(found)

    async def _take(self) -> list[_Open]:
        """Have overdue intents to oneself, for as long as a look-up may take."""
        now = self._now()
        columns = (events.c[name] for name in ("seq", "id", "point", "payload", "seal", "created_at", "lookups"))
        due = select(*columns).where(has_state(events, INTENT), events.c.due_at <= now).limit(_AT_ONCE)
        async with self._database.read() as connection:
            if (await connection.execute(due.limit(1))).first() is None:
                return []
        async with self._database.begin() as connection:
            rows = (await connection.execute(due.with_for_update(skip_locked=True))).all()
            until = now + int((self._policy.lookup_timeout + _MARGIN) * 1000)
            await connection.execute(
                update(events)
                .where(events.c.seq.in_([row.seq for row in rows]))
                .values(due_at=until, lookups=events.c.lookups + 1)
            )
        return [_Open(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it

    async def _resolve(self, found: _Open) -> None:
        with structlog.contextvars.bound_contextvars(event_id=found.id, point=found.point):
            resolution = await self._ask(found)
            if isinstance(resolution, Happened):
                async with self._database.begin() as connection:
                    await connection.run_sync(
                        self._settling.settle, replace(resolution.event, id=found.id), self._now()
                    )
                log.info("outcome_found", outcome="happened")
            elif isinstance(resolution, DidNotHappen):
                await self._write(found, state=REFUSED)
                log.info("outcome_found", outcome="did_not_happen")
            elif isinstance(resolution, CannotTell):
                await self._write(found, state=UNKNOWN)
                log.error("outcome_unknown", reason=resolution.reason)
            else:
                pause = self._policy.pause(found.lookups + 1, self._rng)
                await self._write(found, due_at=self._now() + int(pause * 1000))

    async def _ask(self, found: _Open) -> Resolution | None:
        """What the resolver says; None when it is to be asked again."""
        if found.lookups >= self._policy.lookups:
            return CannotTell(reason="this process ended during the last look-up")
        try:
            stored = self._codec.payload(found.point, found.id, found.payload, found.seal)
        except PayloadUnreadable as error:
            return CannotTell(reason=str(error))
        began = datetime.fromtimestamp(found.created_at / 1000, UTC)
        intent = Intent(event=stored.event, lookup=stored.lookup, began=began)
        try:
            async with asyncio.timeout(self._policy.lookup_timeout):
                return await self._resolver(intent)
        except TimeoutError:
            reason = f"the look-up took longer than {self._policy.lookup_timeout:g} s"
        except Exception as error:
            reason = f"the look-up raised {type(error).__name__}"
            log.warning("look_up_failed", reason=reason, exc_info=error)
        if found.lookups + 1 >= self._policy.lookups:
            return CannotTell(reason=reason)
        return None

    async def _write(self, found: _Open, **values: Any) -> None:
        async with self._database.begin() as connection:
            await connection.execute(
                update(events)
                .where(events.c.id == found.id, has_state(events, INTENT))  # not by seq: SQLite may have given it again
                .values(changed_at=self._now(), **values)
            )

    def _now(self) -> int:
        return int(self._clock() * 1000)
