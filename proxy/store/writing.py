"""Whole transactions at once, in the way that costs least with each engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from hookpoint.proxy.store.errors import StoreUnavailable

T = TypeVar("T")
Work: TypeAlias = Callable[[Connection], T]
DURABLE: Final = "hookpoint_durable"


class Writer(Protocol):
    """Runs work in a transaction of its own; raises what the database and the work raise, and then nothing is written."""

    async def write(self, work: Work[T], *, durable: bool) -> T:
        """Return what the work returns, once that is committed; see `Store.write`."""
        ...

    async def aclose(self) -> None:
        """Give up all connections."""
        ...


class EngineWriter:
    """The writer of an engine that waits for a server: each transaction has a connection of the pool."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write(self, work: Work[T], *, durable: bool) -> T:
        """See `Writer`."""
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def aclose(self) -> None:
        """See `Writer`; the pool belongs to the engine."""


class ThreadWriter:
    """The writer of an engine that works in the process: one thread has one connection, and runs a transaction after the other.

    The event loop goes to the thread and back once for each transaction, where an asynchronous driver does so for each statement.
    `engine` is used in the thread alone; its connections are told of `durable` by the execution option DURABLE.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="hookpoint-store")
        self._connection: Connection | None = None
        self._closed = False

    async def write(self, work: Work[T], *, durable: bool) -> T:
        """See `Writer`; who is cancelled does not know whether it was written."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, work, durable)

    def _write(self, work: Work[Any], durable: bool) -> Any:
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            with self._connection.execution_options(**{DURABLE: durable}).begin():
                return work(self._connection)
        except DBAPIError:
            self._disconnect()  # whatever was wrong with it, the next one is new
            raise

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()

    async def aclose(self) -> None:
        """See `Writer`; a second time, there is nothing left to do."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()
