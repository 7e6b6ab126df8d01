"""Locks that hold across processes and machines, through the store."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable
from weakref import WeakValueDictionary

from sqlalchemy import delete, insert, update
from sqlalchemy.exc import IntegrityError

from hookpoint.proxy.store import Store, StoreUnavailable
from hookpoint.proxy.vault.tables import locks

_SHORTEST_WAIT = 0.01
_LONGEST_WAIT = 0.1


class LockTimeout(Exception):  # noqa: N818 - names the event
    """Somebody else held the lock for longer than one was ready to wait."""

    code = "lock_timeout"


class Locks:
    """Named locks, of which one holder at a time exists.

    `lease` is for how long, in seconds, a lock outlives a process that died with it; a living holder renews it.
    """

    def __init__(
        self,
        store: Store,
        *,
        lease: float = 10.0,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        self._store = store
        self._lease = lease
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - spreads waiting, protects nothing
        # Those of this process stand in line here, so that only the first of them asks the store.
        self._lines: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def hold(self, name: str, *, timeout: float) -> AsyncIterator[None]:
        """Hold a lock while the block runs; raises LockTimeout, StoreUnavailable."""
        digest = hashlib.sha256(name.encode()).digest()
        line = self._lines.setdefault(digest, asyncio.Lock())
        owner = uuid.uuid4().hex
        try:
            async with asyncio.timeout(timeout):
                await line.acquire()
        except TimeoutError:
            raise LockTimeout("the lock was not free in time") from None
        try:
            await self._acquire(digest, owner, timeout)
            renewing = asyncio.create_task(self._keep(digest, owner))
            try:
                yield
            finally:
                renewing.cancel()
                await asyncio.shield(self._release(digest, owner))
        finally:
            line.release()

    async def _acquire(self, name: bytes, owner: str, timeout: float) -> None:
        end = self._clock() + timeout
        pause = _SHORTEST_WAIT
        while not await self._try(name, owner):
            if self._clock() >= end:
                raise LockTimeout("the lock was not free in time")
            await asyncio.sleep(pause * self._rng.uniform(0.5, 1.5))
            pause = min(2 * pause, _LONGEST_WAIT)

    async def _try(self, name: bytes, owner: str) -> bool:
        now = self._clock()
        try:
            async with self._store.begin() as connection:
                await connection.execute(
                    delete(locks).where(locks.c.name == name, locks.c.expires_at <= int(now * 1000))
                )
                expires_at = int((now + self._lease) * 1000)
                await connection.execute(insert(locks).values(name=name, owner=owner, expires_at=expires_at))
        except IntegrityError:
            return False
        return True

    async def _keep(self, name: bytes, owner: str) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            expires_at = int((self._clock() + self._lease) * 1000)
            where = (locks.c.name == name, locks.c.owner == owner)
            with contextlib.suppress(StoreUnavailable):  # the next time may work; until then the lease goes on
                async with self._store.begin() as connection:
                    await connection.execute(update(locks).where(*where).values(expires_at=expires_at))

    async def _release(self, name: bytes, owner: str) -> None:
        async with self._store.begin() as connection:
            await connection.execute(delete(locks).where(locks.c.name == name, locks.c.owner == owner))
