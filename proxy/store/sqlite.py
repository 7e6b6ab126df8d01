"""SQLite: one file with a write-ahead log, or a database in memory."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Final
from uuid import uuid4

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, NullPool

from hookpoint.proxy.store.database import READ_ONLY, Store
from hookpoint.proxy.store.errors import StoreUnavailable, StoreUrlInvalid
from hookpoint.proxy.store.writing import DURABLE, ThreadWriter

_CONNECTIONS: Final = 5
_QUERY_ONLY: Final = "query_only"
_SYNCHRONOUS: Final = "synchronous"

log = structlog.get_logger(__name__)


def sqlite_store(url: str, *, timeout: float) -> Store:
    """Return the store of `sqlite:///path` or `sqlite://`; nothing is read yet.

    A file is created with mode 0600. `timeout` in seconds is how long a transaction waits for another one to finish.
    Raises StoreUrlInvalid and StoreUnavailable.
    """
    parsed = _parse(url)
    if parsed.database is None:
        return _in_memory(parsed, timeout)
    _create(Path(parsed.database))
    engine = _engine(parsed, timeout)
    return Store(engine, reading=_reading(engine), writer=ThreadWriter(_writing(parsed, timeout)))


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreUrlInvalid("the store's URL cannot be read; write for example sqlite:///hookpoint.db") from None
    if parsed.drivername != "sqlite" or parsed.host or parsed.username or parsed.query:
        raise StoreUrlInvalid("an SQLite URL has three slashes and then a path: sqlite:///hookpoint.db")
    database = None if parsed.database in (None, "", ":memory:") else parsed.database
    return URL.create("sqlite+aiosqlite", database=database)


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


def _in_memory(url: URL, timeout: float) -> Store:
    """Open a named database that lives as long as one connection stands still.

    An ordinary one lives in its only connection and would go with it when a task is cancelled in mid-statement.
    """
    if sqlite3.sqlite_version_info < (3, 36):
        raise StoreUrlInvalid(f"a store in memory needs SQLite 3.36, this is {sqlite3.sqlite_version}; use a file")
    name = f"file:/hookpoint-{uuid4().hex}"
    keeper = sqlite3.connect(f"{name}?vfs=memdb", uri=True, check_same_thread=False)
    url = url.set(database=name, query={"vfs": "memdb", "uri": "true"})
    engine, writer = _engine(url, timeout), ThreadWriter(_writing(url, timeout))
    return Store(engine, reading=_reading(engine), writer=writer, in_memory=keeper.close)


def _engine(url: URL, timeout: float) -> AsyncEngine:
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=_CONNECTIONS,
        max_overflow=0,
        connect_args={"timeout": timeout, "isolation_level": None},
    )
    event.listen(engine.sync_engine, "connect", _configure)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _writing(url: URL, timeout: float) -> Engine:
    arguments = {"timeout": timeout, "isolation_level": None}
    engine = create_engine(url.set(drivername="sqlite+pysqlite"), poolclass=NullPool, connect_args=arguments)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin_writing)
    return engine


def _reading(engine: AsyncEngine) -> AsyncEngine:
    return engine.execution_options(**{READ_ONLY: True})


def _configure(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that reads first and then wants to write fails at once when another one wrote in between, whatever
    # the busy timeout; one that takes the lock at its beginning waits.
    read_only = connection.get_execution_options().get(READ_ONLY, False)
    if connection.info.get(_QUERY_ONLY, False) is not read_only:
        connection.info[_QUERY_ONLY] = None  # not known, should this be interrupted
        connection.exec_driver_sql(f"PRAGMA query_only = {read_only:d}")
        connection.info[_QUERY_ONLY] = read_only
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _begin_writing(connection: Connection) -> None:
    # Beside a write-ahead log NORMAL leaves out the wait for the disk at a commit, and nothing else: the next one that waits, waits for
    # all before it. It cannot be changed within a transaction.
    wanted = "FULL" if connection.get_execution_options().get(DURABLE, True) else "NORMAL"
    if connection.info.get(_SYNCHRONOUS) != wanted:
        connection.info[_SYNCHRONOUS] = None
        connection.exec_driver_sql(f"PRAGMA synchronous = {wanted}")
        connection.info[_SYNCHRONOUS] = wanted
    connection.exec_driver_sql("BEGIN IMMEDIATE")
