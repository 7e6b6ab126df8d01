"""Keeps sealed records until they expire, and remembers which tokens are no longer good."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from sqlalchemy import delete, select

from hookpoint.proxy.store import Store
from hookpoint.proxy.vault.sealing import Seal
from hookpoint.proxy.vault.tables import MIGRATIONS, PART, denials, records
from hookpoint.proxy.vault.writer import GroupedWriter


class Vault:
    """Sealed records and the deny-list, in one store that all processes share.

    Every method raises StoreUnavailable when the store cannot be used: nothing is ever taken for absent because of that. `clock` is
    in seconds since 1970.
    """

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._records = GroupedWriter(store, records)
        self._denials = GroupedWriter(store, denials)

    async def prepare(self) -> None:
        """Bring the tables up to date."""
        await self._store.migrate(PART, MIGRATIONS)

    async def put(self, kind: str, secret: str, value: bytes, *, expires_at: float) -> None:
        """Keep a value until `expires_at`, to be found by its secret; returns when it is safe."""
        seal = Seal.of(kind, secret)
        row = {"kind": kind, "id": seal.id, "box": seal.close(value), "expires_at": int(expires_at)}
        await self._records.write(row)

    async def get(self, kind: str, secret: str) -> bytes | None:
        """The value that was kept for a secret, or None; raises SealBroken when it was tampered with."""
        seal = Seal.of(kind, secret)
        found = select(records.c.box).where(
            records.c.kind == kind, records.c.id == seal.id, records.c.expires_at > int(self._clock())
        )
        async with self._store.read() as connection:
            box: bytes | None = await connection.scalar(found)
        return None if box is None else seal.open(box)

    async def remove(self, kind: str, secret: str) -> None:
        """Forget the value that was kept for a secret."""
        where = (records.c.kind == kind, records.c.id == Seal.of(kind, secret).id)
        async with self._store.begin() as connection:
            await connection.execute(delete(records).where(*where))

    async def deny(self, jti: str, *, expires_at: float) -> None:
        """Make a token bad for the rest of its life; returns when that is safe."""
        await self._denials.write({"jti": _digest(jti), "expires_at": int(expires_at)})

    async def is_denied(self, jti: str) -> bool:
        """Whether a token was made bad."""
        async with self._store.read() as connection:
            found = await connection.scalar(select(denials.c.jti).where(denials.c.jti == _digest(jti)))
        return found is not None

    async def purge(self) -> int:
        """Remove what has expired; returns how many rows that was."""
        removed = 0
        for table in (records, denials):
            async with self._store.begin() as connection:
                done = await connection.execute(delete(table).where(table.c.expires_at <= int(self._clock())))
                removed += done.rowcount
        return removed


def _digest(jti: str) -> bytes:
    return hashlib.sha256(jti.encode()).digest()
