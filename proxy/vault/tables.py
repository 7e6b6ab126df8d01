"""The tables of the vault and their statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table
from sqlalchemy.schema import CreateIndex, CreateTable, Index

from hookpoint.proxy.store import Migration

PART: Final = "vault"
_metadata = MetaData()

# Times are whole seconds since 1970.
records = Table(
    "vault_records",
    _metadata,
    Column("kind", String(16), primary_key=True),
    Column("id", LargeBinary(32), primary_key=True),
    Column("box", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
denials = Table(
    "denied_tokens",
    _metadata,
    Column("jti", LargeBinary(32), primary_key=True),  # SHA-256: an upstream's jti may be of any length
    Column("expires_at", BigInteger, nullable=False),
)
locks = Table(
    "locks",
    _metadata,
    Column("name", LargeBinary(32), primary_key=True),
    Column("owner", String(32), nullable=False),
    Column("expires_at", BigInteger, nullable=False),  # milliseconds: leases are short
)

MIGRATIONS: Final[Sequence[Migration]] = (
    (
        CreateTable(records),
        CreateIndex(Index("vault_records_expiry", records.c.expires_at)),
        CreateTable(denials),
        CreateIndex(Index("denied_tokens_expiry", denials.c.expires_at)),
        CreateTable(locks),
    ),
)
