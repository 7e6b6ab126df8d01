"""Puts what is written at the same time into one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from hookpoint.hooks.deliveries.database import Database, Work

T = TypeVar("T")
_MOST_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class _Waiting:
    work: Work[Any]
    durable: bool
    done: asyncio.Future[Any]


class Transactions:
    """Runs work on a database, each once the transaction is through that holds it.

    Work that comes while a transaction is under way waits for the next one, together with all that came meanwhile: a commit waits for
    the disk, and the more there is to write, the less each costs. When work fails, the rest of its group is done again without it; so
    all work may be run twice, and must have no effect outside of the database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None

    async def run(self, work: Work[T], *, durable: bool = True, then: Callable[[T | None], None] | None = None) -> T:
        """Do work and return what it returns, when that is safe; raises what the database raises.

        `then` is given what it returns, or None when it failed, whether or not whoever waits has left by then.
        Unless `durable`, that is before the disk has it: for what may as well be done again when the machine loses power.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(work, durable, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        if then is None:
            return await done
        done.add_done_callback(lambda ended: then(None if ended.cancelled() or ended.exception() else ended.result()))
        return await asyncio.shield(done)

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
                await self._run_group(group)
        finally:
            self._running = None
            for each in self._waiting:  # only when this task was cancelled
                each.done.cancel()
            self._waiting.clear()

    async def _run_group(self, group: Sequence[_Waiting]) -> None:
        def work(connection: Connection) -> list[Any]:
            return [each.work(connection) for each in group]

        try:
            answers = await self._database.write(work, durable=any(each.durable for each in group))
        except Exception as error:  # noqa: BLE001 - it is raised again where the work is waited for
            if len(group) > 1:
                for each in group:
                    await self._run_group([each])
            elif not group[0].done.done():
                group[0].done.set_exception(error)
        except BaseException:
            for each in group:
                each.done.cancel()
            raise
        else:
            for each, answer in zip(group, answers, strict=True):
                if not each.done.done():  # else whoever waited has left
                    each.done.set_result(answer)
