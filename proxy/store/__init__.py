"""The store: one database by URL, SQLite or PostgreSQL, with a schema that each part brings up to date for itself."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from hookpoint.proxy.store.database import Migration, Store
from hookpoint.proxy.store.errors import StoreError, StoreSchemaTooNew, StoreUnavailable, StoreUrlInvalid
from hookpoint.proxy.store.postgresql import SCHEMES, postgresql_store
from hookpoint.proxy.store.sqlite import sqlite_store
from hookpoint.proxy.store.statements import conflict_insert, upsert

__all__ = [
    "Migration",
    "Store",
    "StoreError",
    "StoreSchemaTooNew",
    "StoreUnavailable",
    "StoreUrlInvalid",
    "conflict_insert",
    "open_store",
    "upsert",
]

CONNECTIONS: Final = 10
TIMEOUT: Final = 5.0


async def open_store(url: str, *, connections: int = CONNECTIONS, timeout: float = TIMEOUT) -> Store:
    """Open the database at `url`.

    `sqlite:///relative/path`, `sqlite:////absolute/path`, `sqlite://` in memory, or `postgresql://user:password@host/name`.
    `connections` is how many PostgreSQL may have of this process, `timeout` in seconds how long a statement, a lock or a
    connection may take. Raises StoreUrlInvalid and StoreUnavailable.
    """
    store = _store(url, connections, timeout)
    try:
        async with store.read() as connection:
            await connection.execute(select(1))
    except StoreError:
        await store.aclose()
        raise
    return store


def _store(url: str, connections: int, timeout: float) -> Store:
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise StoreUrlInvalid("the store's URL cannot be read; write for example sqlite:///hookpoint.db")
    if scheme in SCHEMES:
        return postgresql_store(url, connections=connections, timeout=timeout)
    if scheme == "sqlite":
        return sqlite_store(url, timeout=timeout)
    raise StoreUrlInvalid(
        f"'{scheme}' is no store; write sqlite:///hookpoint.db or postgresql://user:password@host/hookpoint"
    )
