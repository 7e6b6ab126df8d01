"""The store: one database by URL, with a schema that each part brings up to date for itself."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final
from uuid import uuid4

import structlog
from sqlalchemy import (
    URL,
    Column,
    Connection,
    Executable,
    Integer,
    MetaData,
    String,
    Table,
    event,
    insert,
    make_url,
    select,
    text,
    update,
)
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, IntegrityError, InterfaceError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlalchemy.schema import CreateTable

BUSY_TIMEOUT: Final = 5.0
_READ_ONLY: Final = "hookpoint_read_only"

Migration = Sequence[Executable]
"""Statements of one step of a schema; they run in one transaction."""

log = structlog.get_logger(__name__)

_versions = Table(
    "schema_versions",
    MetaData(),
    Column("part", String(64), primary_key=True),
    Column("version", Integer, nullable=False),
)


class StoreError(Exception):
    """The store cannot be used; `code` is stable and the text is for the operator."""

    code = "store"


class StoreUrlInvalid(StoreError):  # noqa: N818 - names the state
    """The URL names no database this version can use."""

    code = "store_url"


class StoreUnavailable(StoreError):  # noqa: N818 - names the state
    """The database cannot be opened, is locked for too long, full, damaged or read-only."""

    code = "store_unavailable"


class StoreSchemaTooNew(StoreError):  # noqa: N818 - names the state
    """The tables were written by a later version."""

    code = "store_schema_too_new"


class Store:
    """An open database.

    `engine` is for the parts that own tables. On SQLite every transaction takes the write lock when it begins, so that
    none fails half-way because another process wrote in between; `read()` does not.
    """

    def __init__(self, engine: AsyncEngine, keeper: sqlite3.Connection | None = None) -> None:
        self.engine: Final = engine
        self._reading = engine.execution_options(**{_READ_ONLY: True})
        self._keeper = keeper

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is committed at the end; raises StoreUnavailable."""
        with _unavailable():
            async with self.engine.begin() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction for reading only; raises StoreUnavailable."""
        with _unavailable():
            async with self._reading.connect() as connection:
                yield connection

    async def migrate(self, part: str, migrations: Sequence[Migration]) -> None:
        """Bring the tables of one part up to date, each migration in a transaction of its own.

        Several processes may do so at once. Raises StoreSchemaTooNew when the tables come from a later version.
        """
        async with self.begin() as connection:
            await connection.execute(CreateTable(_versions, if_not_exists=True))
        while await self._step(part, migrations):
            pass

    async def _step(self, part: str, migrations: Sequence[Migration]) -> bool:
        async with self.begin() as connection:
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
        await self.engine.dispose()
        if self._keeper is not None:
            self._keeper.close()


async def open_store(url: str) -> Store:
    """Open the database at `url`: `sqlite:///relative/path`, `sqlite:////absolute/path`, or `sqlite://` in memory.

    A file is created with mode 0600. Raises StoreUrlInvalid and StoreUnavailable.
    """
    parsed = _parse(url)
    if parsed.database is None:
        store = _in_memory(parsed)
    else:
        _create(Path(parsed.database))
        store = Store(_sqlite(parsed))
    try:
        async with store.read() as connection:
            await connection.execute(text("SELECT 1 FROM sqlite_master"))
    except StoreError:
        await store.aclose()
        raise
    return store


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreUrlInvalid("the store's URL cannot be read; write for example sqlite:///hookpoint.db") from None
    if parsed.drivername != "sqlite":
        raise StoreUrlInvalid(
            f"this version does not support '{parsed.drivername}' as a store, only SQLite: sqlite:///hookpoint.db"
        )
    if parsed.host or parsed.username or parsed.query:
        raise StoreUrlInvalid("an SQLite URL has three slashes and then a path: sqlite:///hookpoint.db")
    return parsed.set(drivername="sqlite+aiosqlite", database=_database(parsed.database))


def _database(name: str | None) -> str | None:
    return None if name in (None, "", ":memory:") else name


def _create(path: Path) -> None:
    """Create the file before SQLite would with the process's umask; SQLite gives its side files the same mode."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"the store {path} cannot be opened: {error.strerror}") from error
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)
    if mode & 0o077:
        log.warning("store_file_open_to_others", path=str(path), mode=f"{mode:04o}", advice="chmod 600")


def _in_memory(url: URL) -> Store:
    """Open a named database that lives as long as one connection stands still.

    An ordinary one lives in its only connection and would go with it when a task is cancelled in mid-statement.
    """
    if sqlite3.sqlite_version_info < (3, 36):
        raise StoreUrlInvalid(f"a store in memory needs SQLite 3.36, this is {sqlite3.sqlite_version}; use a file")
    name = f"file:/hookpoint-{uuid4().hex}"
    keeper = sqlite3.connect(f"{name}?vfs=memdb", uri=True, check_same_thread=False)
    return Store(_sqlite(url.set(database=name, query={"vfs": "memdb", "uri": "true"})), keeper)


def _sqlite(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=5,
        max_overflow=0,
        connect_args={"timeout": BUSY_TIMEOUT, "isolation_level": None},
    )
    event.listen(engine.sync_engine, "connect", _configure)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _configure(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that reads first and then wants to write fails at once when another one wrote in between, whatever
    # the busy timeout; one that takes the lock at its beginning waits.
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except (DatabaseError, InterfaceError, PoolTimeoutError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error
        raise StoreUnavailable(f"the store cannot be used: {reason}") from error
