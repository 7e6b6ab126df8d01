"""Statements that SQLAlchemy Core has for each engine, but not for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def conflict_insert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Begin an INSERT that says what becomes of a row that is there already.

    It goes on with `on_conflict_do_nothing` or `on_conflict_do_update`, which are the same for both engines.
    """
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


async def upsert(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Store rows, all with the same columns, each in place of one with the same primary key."""
    if not rows:
        return
    statement = conflict_insert(connection, table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    if changed:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    await connection.execute(statement, [dict(row) for row in rows])
