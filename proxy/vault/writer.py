"""Groups writes that come at the same time into one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from sqlalchemy import Table

from hookpoint.proxy.store import Store, upsert

_MOST_AT_ONCE = 512


class GroupedWriter:
    """Writes rows of one table, each once the transaction is through that holds it.

    A row that comes while a transaction is under way waits for the next one, together with all others that came meanwhile: the
    more there is to write, the less each row costs, and a lone row waits for nothing.
    """

    def __init__(self, store: Store, table: Table) -> None:
        self._store = store
        self._table = table
        self._waiting: list[tuple[Mapping[str, object], asyncio.Future[None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def write(self, row: Mapping[str, object]) -> None:
        """Store a row, in place of one with the same key; returns when it is safe. Raises StoreUnavailable."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((row, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        await done

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                await self._store_group(group)
        finally:
            self._running = None
            for _, done in self._waiting:  # only when this task was cancelled
                done.cancel()
            self._waiting.clear()

    async def _store_group(self, group: Sequence[tuple[Mapping[str, object], asyncio.Future[None]]]) -> None:
        failure: BaseException | None = None
        try:
            async with self._store.begin() as connection:
                await upsert(connection, self._table, [row for row, _ in group])
        except BaseException as error:
            failure = error
            if not isinstance(error, Exception):
                raise
        finally:
            for _, done in group:
                if done.done():  # whoever waited has left
                    continue
                if failure is None:
                    done.set_result(None)
                elif isinstance(failure, Exception):
                    done.set_exception(failure)
                else:
                    done.cancel()
