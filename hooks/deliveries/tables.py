"""The tables of queued events, to be created by whoever owns the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Executable,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    literal_column,
)
from sqlalchemy.schema import CreateIndex, CreateTable

PART: Final = "deliveries"
"""Under which name the versions of these tables are counted."""

INTENT: Final = "intent"  # the call to the server is under way, or its outcome is being looked up
UNKNOWN: Final = "unknown"  # nobody could tell what became of the call
REFUSED: Final = "refused"  # it was looked up, and did not happen
SETTLED: Final = "settled"  # it happened

WAITING: Final = "waiting"  # due at some time, or being run under a lease
DONE: Final = "done"
DEAD: Final = "dead"

_metadata: Final = MetaData()


def has_state(table: FromClause, state: str) -> ColumnElement[bool]:
    """Compare a state with a literal: for a bound parameter the engines do not use an index on rows of one state."""
    return table.c.state == literal_column(f"'{state}'")


# Times are milliseconds since 1970. `seq` is the order in which calls began, `subject` a digest of whom an event concerns, `payload`
# the event and what finds out about it, sealed where `seal` names a secret. `due_at` is when the outcome of an intent is looked up.
events: Final = Table(
    "hook_events",
    _metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String(128), nullable=False, unique=True),
    Column("point", String(32), nullable=False),
    Column("subject", LargeBinary(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("payload", Text, nullable=False),
    Column("seal", String(32)),
    Column("lookups", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
# `due_at` of a delivery that has an `owner` is when its lease ends.
deliveries: Final = Table(
    "hook_deliveries",
    _metadata,
    Column("seq", BigInteger, primary_key=True),
    Column("hook", String(255), primary_key=True),
    Column("subject", LargeBinary(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("owner", String(32)),
    Column("error", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)


def _partial(name: str, table: Table, state: str, *columns: str) -> Index:
    where = has_state(table, state)
    return Index(name, *(table.c[column] for column in columns), sqlite_where=where, postgresql_where=where)


MIGRATIONS: Final[Sequence[Sequence[Executable]]] = (
    (
        CreateTable(events),
        CreateIndex(_partial("hook_events_open", events, INTENT, "subject", "seq")),
        CreateIndex(_partial("hook_events_due", events, INTENT, "due_at")),
        CreateIndex(Index("hook_events_age", events.c.state, events.c.changed_at)),
        CreateTable(deliveries),
        CreateIndex(_partial("hook_deliveries_due", deliveries, WAITING, "due_at")),
        CreateIndex(_partial("hook_deliveries_order", deliveries, WAITING, "hook", "subject", "seq")),
        CreateIndex(Index("hook_deliveries_age", deliveries.c.state, deliveries.c.changed_at)),
    ),
)
