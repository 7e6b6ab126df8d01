"""The table of own keys and its statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Column, Integer, MetaData, String, Table, Text, insert, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateIndex, CreateTable, Index

from hookpoint.proxy.store import Migration, Store

PART: Final = "tokens"

_keys = Table(
    "signing_keys",
    MetaData(),
    Column("kid", String(64), primary_key=True),
    Column("algorithm", String(16), nullable=False),
    Column("private_jwk", Text, nullable=False),
    Column("created_at", Integer, nullable=False),
    Column("state", String(16), nullable=False),
)
# However many processes create keys at once, the database lets one of them through.
_active = text("state = 'active'")
_one_active = Index(
    "signing_keys_active", _keys.c.algorithm, unique=True, sqlite_where=_active, postgresql_where=_active
)

MIGRATIONS: Final[Sequence[Migration]] = ((CreateTable(_keys), CreateIndex(_one_active)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A stored key; `created_at` is in seconds since 1970."""

    kid: str
    algorithm: str
    private_jwk: str = field(repr=False)
    created_at: int
    state: str


async def all_keys(store: Store) -> Sequence[KeyRow]:
    """Return all keys, the oldest first; raises StoreUnavailable."""
    async with store.read() as connection:
        rows = await connection.execute(select(_keys).order_by(_keys.c.created_at, _keys.c.kid))
        return [KeyRow(**row) for row in rows.mappings()]


async def add_active(store: Store, row: KeyRow) -> bool:
    """Store a key unless its algorithm has an active one already, and tell whether it was stored."""
    try:
        async with store.begin() as connection:
            await connection.execute(
                insert(_keys).values(
                    kid=row.kid,
                    algorithm=row.algorithm,
                    private_jwk=row.private_jwk,
                    created_at=row.created_at,
                    state=row.state,
                )
            )
    except IntegrityError:
        return False
    return True
