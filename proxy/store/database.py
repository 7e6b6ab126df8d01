"""An open database and the schema that each part of the program brings up to date for itself."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, TypeVar

from sqlalchemy import Column, Executable, Integer, MetaData, String, Table, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.schema import CreateTable

from hookpoint.proxy.store.errors import StoreSchemaTooNew, unavailable
from hookpoint.proxy.store.writing import EngineWriter, Work, Writer

T = TypeVar("T")
READ_ONLY: Final = "hookpoint_read_only"

Migration = Sequence[Executable]
"""Statements of one step of a schema; they run in one transaction."""

_versions = Table(
    "schema_versions",
    MetaData(),
    Column("part", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
)


class Store:
    """An open database; SQLite and PostgreSQL behave alike as far as is said here.

    `engine` is for the parts that own tables, `reading` the same engine for transactions that only read, `altering` one
    for migrations, which may take longer than other statements, `writer` what writes at once; `in_memory` ends a database that is nowhere else.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        reading: AsyncEngine,
        altering: AsyncEngine | None = None,
        writer: Writer | None = None,
        in_memory: Callable[[], None] | None = None,
    ) -> None:
        self.engine: Final = engine
        self.reading: Final = reading
        self._writer = writer or EngineWriter(engine)
        self._altering = altering or engine
        self._close = in_memory

    @property
    def in_memory(self) -> bool:
        """Whether everything is lost when the process ends."""
        return self._close is not None

    @contextlib.asynccontextmanager
    async def begin(self, *, lock: str | None = None) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is committed at the end; raises StoreUnavailable.

        Transactions with the same `lock` run one after the other, on any number of machines: what one has read is still
        true when it writes. Without, others may write in between (on PostgreSQL; SQLite has one writer at a time).
        """
        with unavailable():
            async with self._locked(self.engine, lock) as connection:
                yield connection

    async def write(self, work: Work[T], *, durable: bool = True) -> T:
        """Run work in a transaction and return what it returns, once that is committed; raises StoreUnavailable.

        It does the same as `begin` in less time. `work` is given the connection, perhaps in another thread, and does nothing but run
        statements. What is not `durable` outlives the process, and may be undone when the machine loses power: where it can, the
        store does not wait for the disk.
        """
        with unavailable():
            return await self._writer.write(work, durable=durable)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that sees one state of the database and cannot write; raises StoreUnavailable."""
        with unavailable():
            async with self.reading.connect() as connection:
                yield connection

    async def migrate(self, part: str, migrations: Sequence[Migration]) -> None:
        """Bring the tables of one part up to date, each migration in a transaction of its own.

        Several processes may do so at once. Raises StoreSchemaTooNew when the tables come from a later version.
        """
        async with self._alter() as connection:
            await connection.execute(CreateTable(_versions, if_not_exists=True))
        while await self._step(part, migrations):
            pass

    async def _step(self, part: str, migrations: Sequence[Migration]) -> bool:
        async with self._alter() as connection:
            where = _versions.c.part == part
            version = await connection.scalar(select(_versions.c.version).where(where))
            if version is None:
                version = 0
                await connection.execute(insert(_versions).values(part=part, version=version))
            if version > len(migrations):
                raise StoreSchemaTooNew(
                    f"the tables of '{part}' have version {version}, this program knows {len(migrations)} at most: "
                    "they were written by a later version of hookpoint; use that version or another database"
                )
            if version == len(migrations):
                return False
            for statement in migrations[version]:
                await connection.execute(statement)
            await connection.execute(update(_versions).where(where).values(version=version + 1))
            return True

    async def aclose(self) -> None:
        """Close all connections; a database in memory is gone."""
        await self._writer.aclose()
        await self.engine.dispose()
        await self._altering.dispose()
        if self._close is not None:
            self._close()

    @contextlib.asynccontextmanager
    async def _alter(self) -> AsyncIterator[AsyncConnection]:
        with unavailable():
            async with self._locked(self._altering, "schema") as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def _locked(self, engine: AsyncEngine, lock: str | None) -> AsyncIterator[AsyncConnection]:
        async with engine.begin() as connection:
            if lock is not None and engine.dialect.name == "postgresql":
                await connection.execute(select(func.pg_advisory_xact_lock(_lock_number(lock))))
            yield connection


def _lock_number(name: str) -> int:
    # Other programs may use the same database: 64 bits of a digest do not meet theirs.
    return int.from_bytes(hashlib.sha256(b"hookpoint\0" + name.encode()).digest()[:8], signed=True)
