"""The tables of phone messages; those of the counters are the providers' own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.schema import CreateIndex, CreateTable, Index

from hookpoint.providers.sql_counters import counts
from hookpoint.proxy.store import Migration

PART: Final = "sms"
_metadata = MetaData()

# Neither number, text, code nor the vendor's id: an id is found again by its hash, by who knows it.
messages: Final = Table(
    "sms_messages",
    _metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("country", String(3), nullable=False),
    Column("status", String(16), nullable=False),
    Column("provider_code", String(64), nullable=False),
    Column("sent_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
# What a message has counted and is given back if it is not delivered; gone once that is known.
message_charges: Final = Table(
    "sms_message_charges",
    _metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("charges", Text, nullable=False),
    Column("counted_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
peppers: Final = Table(
    "sms_peppers",
    _metadata,
    Column("name", String(16), primary_key=True),
    Column("pepper", LargeBinary(32), nullable=False),
)

MIGRATIONS: Final[Sequence[Migration]] = (
    (
        CreateTable(counts),
        *(CreateIndex(index) for index in counts.indexes),
        CreateTable(messages),
        CreateIndex(Index("sms_messages_expiry", messages.c.expires_at)),
        CreateTable(peppers),
    ),
    (
        CreateTable(message_charges),
        CreateIndex(Index("sms_message_charges_expiry", message_charges.c.expires_at)),
    ),
)
