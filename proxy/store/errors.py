"""What can go wrong with the store."""
# ruff: noqa: N818 - named after the state

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import ClassVar, Final

from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from hookpoint.hooks.deliveries.errors import DatabaseUnavailable

# Missing table, missing column, missing privilege: what PostgreSQL calls a mistake in the statement, SQLite and the
# operator call a broken database.
_BROKEN_DATABASE: Final = frozenset({"42P01", "42703", "42501"})


class StoreError(Exception):
    """The store cannot be used; `code` is stable and the text is for the operator."""

    code: ClassVar[str] = "store"


class StoreUrlInvalid(StoreError):
    """The URL names no database that can be used here."""

    code = "store_url"


class StoreUnavailable(StoreError, DatabaseUnavailable):
    """The database cannot be reached or opened, is locked for too long, full, damaged or read-only."""

    code = "store_unavailable"


class StoreSchemaTooNew(StoreError):
    """The tables were written by a later version."""

    code = "store_schema_too_new"


@contextlib.contextmanager
def unavailable() -> Iterator[None]:
    """Raise StoreUnavailable for what a database answers; rows that clash and mistakes in statements stay what they are."""
    try:
        yield
    except IntegrityError:
        raise
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) not in _BROKEN_DATABASE:
            raise
        raise StoreUnavailable(f"the store cannot be used: {_reason(error)}") from error
    except (DBAPIError, PoolTimeoutError) as error:
        raise StoreUnavailable(f"the store cannot be used: {_reason(error)}") from error


def _reason(error: DBAPIError | PoolTimeoutError) -> str:
    reason = error.orig if isinstance(error, DBAPIError) else error
    return str(reason).partition("\n")[0]
