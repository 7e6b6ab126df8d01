"""Puts what is written at the same time into one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from hookpoint.hooks.deliveries.database import Database

T = TypeVar("T")
Work: TypeAlias = Callable[[AsyncConnection], Awaitable[T]]
_MOST_AT_ONCE: Final = 256


class Transactions:
    """Runs work on a database, each once the transaction is through that holds it.

    Work that comes while a transaction is under way waits for the next one, together with all that came meanwhile: a commit waits for
    the disk, and the more there is to write, the less each costs. When work fails, the rest of its group is done again without it; so
    all work may be run twice, and must have no effect outside of the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Work[Any], asyncio.Future[Any]]] = []
        self._running: asyncio.Task[None] | None = None

    async def run(self, work: Work[T]) -> T:
        """Do work and return what it returns, when that is safe; raises what the database raises."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                await self._run_group(group)
        finally:
            self._running = None
            for _, done in self._waiting:  # only when this task was cancelled
                done.cancel()
            self._waiting.clear()

    async def _run_group(self, group: Sequence[tuple[Work[Any], asyncio.Future[Any]]]) -> None:
        try:
            async with self._database.begin() as connection:
                answers = [await work(connection) for work, _ in group]
        except Exception as error:  # noqa: BLE001 - it is raised again where the work is waited for
            if len(group) > 1:
                for each in group:
                    await self._run_group([each])
            elif not group[0][1].done():
                group[0][1].set_exception(error)
        except BaseException:
            for _, done in group:
                done.cancel()
            raise
        else:
            for (_, done), answer in zip(group, answers, strict=True):
                if not done.done():  # else whoever waited has left
                    done.set_result(answer)
