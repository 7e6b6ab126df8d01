"""Counters in SQLite or PostgreSQL, shared by all processes of the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, and_, case, delete, func, or_, select
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

_DIALECTS: Final = frozenset({"sqlite", "postgresql"})


class SqlCounters:
    """Implements :class:`~hookpoint.providers.counters.Counters`; ``keep`` is how long a bucket is kept in seconds."""

    def __init__(self, engine: AsyncEngine, *, keep: float = 15 * 86400.0) -> None:
        if engine.dialect.name not in _DIALECTS:
            raise Misconfigured(f"counters need SQLite or PostgreSQL, not {engine.dialect.name}")
        self._engine = engine
        self._postgresql = engine.dialect.name == "postgresql"
        self._keep = keep

    async def take(self, charges: Sequence[Charge], *, now: float) -> Taken:
        """One transaction: count first, which locks, then look whether it was too much, and roll back if so."""
        if not charges:
            return Taken()
        ordered = sorted(charges, key=lambda charge: (charge.key, charge.step))
        async with self._engine.connect() as connection:
            transaction = await connection.begin()
            await self._lock(connection, ordered)
            for charge in ordered:
                await self._upsert(connection, charge, charge.amount, now)
            before = await self._counted(connection, ordered, now)
            taken = judge(ordered, before, now=now)
            if taken.refused is None:
                await transaction.commit()
            else:
                await transaction.rollback()
        return taken

    async def add(self, charge: Charge, amount: int, *, now: float) -> None:
        """See :class:`~hookpoint.providers.counters.Counters`."""
        async with self._engine.begin() as connection:
            await self._lock(connection, [charge])
            await self._upsert(connection, charge, amount, now)

    async def read(self, charge: Charge, *, now: float, buckets: int) -> list[int]:
        """See :class:`~hookpoint.providers.counters.Counters`."""
        newest = charge.bucket(now)
        query = select(counts.c.bucket, counts.c.count).where(
            counts.c.key == charge.key, counts.c.step == charge.step, counts.c.bucket > newest - buckets
        )
        async with self._engine.connect() as connection:
            found: dict[int, int] = {row[0]: row[1] for row in await connection.execute(query)}
        return [found.get(newest - age, 0) for age in range(buckets)]

    async def purge(self, *, now: float) -> None:
        """See :class:`~hookpoint.providers.counters.Counters`."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(counts).where(counts.c.until < int(now)))

    async def _lock(self, connection: AsyncConnection, charges: Sequence[Charge]) -> None:
        """Keep others off these keys until the transaction ends.

        SQLite's first write locks the whole database. PostgreSQL would only lock rows, and two processes at the turn of a
        bucket write different ones.
        """
        if self._postgresql:
            for key in sorted({_lock_number(charge.key) for charge in charges}):
                await connection.execute(select(func.pg_advisory_xact_lock(key)))

    async def _upsert(self, connection: AsyncConnection, charge: Charge, amount: int, now: float) -> None:
        bucket = charge.bucket(now)
        insert = (postgresql.insert if self._postgresql else sqlite.insert)(counts).values(
            key=charge.key,
            step=charge.step,
            bucket=bucket,
            count=max(0, amount),
            until=int((bucket + 1) * charge.step + max(self._keep, charge.window)),
        )
        total = counts.c.count + amount
        statement = insert.on_conflict_do_update(
            index_elements=[counts.c.key, counts.c.step, counts.c.bucket],
            set_={"count": case((total < 0, 0), else_=total)},
        )
        await connection.execute(statement)

    async def _counted(
        self, connection: AsyncConnection, charges: Sequence[Charge], now: float
    ) -> list[list[tuple[int, int]]]:
        """What counts for each charge, without the charges that this transaction has just added."""
        wanted = or_(
            *(
                and_(counts.c.key == charge.key, counts.c.step == charge.step, counts.c.bucket >= charge.first(now))
                for charge in charges
            )
        )
        rows = await connection.execute(
            select(counts.c.key, counts.c.step, counts.c.bucket, counts.c.count).where(wanted)
        )
        found: dict[tuple[str, int], dict[int, int]] = {}
        for key, step, bucket, count in rows:
            found.setdefault((key, step), {})[bucket] = count
        for charge in charges:
            found[charge.key, charge.step][charge.bucket(now)] -= charge.amount
        return [
            [(bucket, count) for bucket, count in found[charge.key, charge.step].items() if bucket >= charge.first(now)]
            for charge in charges
        ]


def _lock_number(key: str) -> int:
    """The first 63 bits of a hexadecimal key."""
    return int(key[:16], 16) >> 1
