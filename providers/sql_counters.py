"""Counters in SQLite or PostgreSQL, shared by all processes of the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, bindparam, case, delete, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hookpoint.providers.counters import Charge, Taken, judge
from hookpoint.providers.errors import Misconfigured

metadata: Final = MetaData()
"""The tables of this package, to be created by whoever owns the database."""

counts: Final = Table(
    "hookpoint_sms_counts",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("bucket", BigInteger, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False, index=True),
)

_BY_KEY: Final = select(counts.c.key, counts.c.step, counts.c.bucket, counts.c.count)
# In their order, so that nobody waits for one who waits for him.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS locks (key)")
_DIALECTS: Final = frozenset({"sqlite", "postgresql"})


class SqlCounters:
    """Implements :class:`~hookpoint.providers.counters.Counters`; ``reading`` is for transactions that only read, if that differs."""

    def __init__(self, engine: AsyncEngine, *, reading: AsyncEngine | None = None) -> None:
        if engine.dialect.name not in _DIALECTS:
            raise Misconfigured(f"counters need SQLite or PostgreSQL, not {engine.dialect.name}")
        self._engine = engine
        self._reading = reading or engine
        self._postgresql = engine.dialect.name == "postgresql"
        self._upsert = _upsert(postgresql.insert(counts) if self._postgresql else sqlite.insert(counts))

    async def take(self, charges: Sequence[Charge], *, now: float) -> Taken:
        """Look first, so that whoever is refused keeps nobody from counting.

        Then one transaction: count, which locks, then look whether it was too much, and roll back if so.
        """
        if not charges:
            return Taken()
        async with self._reading.connect() as connection:
            taken = judge(charges, await self._counted(connection, charges, now), now=now)
        if taken.refused is not None:
            return taken
        async with self._engine.connect() as connection:
            transaction = await connection.begin()
            await self._add(connection, charges, now)
            taken = judge(charges, await self._counted(connection, charges, now, added=True), now=now)
            if taken.refused is None:
                await transaction.commit()
            else:
                await transaction.rollback()
        return taken

    async def add(self, charges: Sequence[Charge], *, now: float) -> None:
        """See :class:`~hookpoint.providers.counters.Counters`."""
        if charges:
            async with self._engine.begin() as connection:
                await self._add(connection, charges, now)

    async def read(self, charges: Sequence[Charge], *, now: float, buckets: int) -> list[list[int]]:
        """See :class:`~hookpoint.providers.counters.Counters`."""
        query = _BY_KEY.where(counts.c.key.in_(sorted({charge.key for charge in charges})))
        async with self._reading.connect() as connection:
            found = {(row[0], row[1], row[2]): row[3] for row in await connection.execute(query)}
        places = [(charge.key, charge.step, charge.bucket(now)) for charge in charges]
        return [[found.get((key, step, newest - age), 0) for age in range(buckets)] for key, step, newest in places]

    async def purge(self, *, now: float) -> None:
        """See :class:`~hookpoint.providers.counters.Counters`."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(counts).where(counts.c.until < int(now)))

    async def _add(self, connection: AsyncConnection, charges: Sequence[Charge], now: float) -> None:
        """Add all amounts, and keep others off these keys until the transaction ends.

        SQLite's first write locks the whole database. PostgreSQL would only lock rows, and two processes at the turn of a
        bucket write different ones.
        """
        if self._postgresql:
            locks = sorted({_lock_number(charge.key) for charge in charges})
            await connection.execute(_LOCK, {"keys": locks})
        rows: list[dict[str, object]] = []
        for charge in sorted(charges, key=lambda each: (each.key, each.step)):
            bucket = charge.bucket(now)
            until = (bucket + 1) * charge.step + charge.kept
            row = {"key": charge.key, "step": charge.step, "bucket": bucket, "until": until}
            rows.append({**row, "count": max(0, charge.amount), "amount": charge.amount})
        await connection.execute(self._upsert, rows)

    async def _counted(
        self, connection: AsyncConnection, charges: Sequence[Charge], now: float, *, added: bool = False
    ) -> list[list[tuple[int, int]]]:
        """What counts for each charge, without the charges themselves when this transaction has ``added`` them."""
        wanted = _BY_KEY.where(counts.c.key.in_(sorted({charge.key for charge in charges})), counts.c.until >= int(now))
        found: defaultdict[tuple[str, int], dict[int, int]] = defaultdict(dict)
        for key, step, bucket, count in await connection.execute(wanted):
            found[key, step][bucket] = count
        for charge in charges if added else ():
            found[charge.key, charge.step][charge.bucket(now)] -= charge.amount
        return [
            [(bucket, count) for bucket, count in found[charge.key, charge.step].items() if bucket >= charge.first(now)]
            for charge in charges
        ]


def _upsert(insert: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
    # One statement for many rows, each of which is added to what is there.
    total = counts.c.count + bindparam("amount", type_=BigInteger)
    return insert.on_conflict_do_update(
        index_elements=[counts.c.key, counts.c.step, counts.c.bucket],
        set_={"count": case((total < 0, 0), else_=total)},
    )


def _lock_number(key: str) -> int:
    """The first 63 bits of a hexadecimal key."""
    return int(key[:16], 16) >> 1
