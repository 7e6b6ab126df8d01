"""PostgreSQL, through asyncpg."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy import ExceptionContext, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, NullPool, PoolProxiedConnection

from hookpoint.proxy.store.database import Store
from hookpoint.proxy.store.errors import StoreUnavailable, StoreUrlInvalid

SCHEMES: Final = frozenset({"postgresql", "postgres"})
_FILES: Final = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl"})
_GRACE: Final = 2.0
_IDLE_IN_TRANSACTION: Final = 60.0


def postgresql_store(url: str, *, connections: int, timeout: float) -> Store:
    """Return the store of a PostgreSQL URL; no connection is made yet.

    The URL may say all that libpq's may: several hosts, `sslmode`, `sslrootcert`, `target_session_attrs`; other
    parameters are settings of the session. `connections` is how many there may be at once, `timeout` in seconds how long
    connecting, a statement, a lock or a free connection is waited for. Raises StoreUrlInvalid.
    """
    asyncpg = _asyncpg()
    _check(url)
    settings = {
        "application_name": "hookpoint",
        "statement_timeout": _milliseconds(timeout),
        "lock_timeout": _milliseconds(timeout),
        "idle_in_transaction_session_timeout": _milliseconds(_IDLE_IN_TRANSACTION),
    }
    engine = create_async_engine(
        "postgresql+asyncpg://",
        # The server ends a statement in time; when it cannot be heard any more, the client does.
        async_creator=_connector(asyncpg, url, settings, timeout=timeout, command_timeout=timeout + _GRACE),
        poolclass=AsyncAdaptedQueuePool,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=timeout,
        pool_use_lifo=True,
    )
    altering = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=_connector(asyncpg, url, {"application_name": "hookpoint migration"}, timeout=timeout),
        poolclass=NullPool,
    )
    for each in (engine, altering):
        event.listen(each.sync_engine, "checkout", _refuse_closed)
        event.listen(each.sync_engine, "handle_error", _lost)
    return Store(engine, reading=_reading(engine), altering=altering)


def _asyncpg() -> ModuleType:
    if importlib.util.find_spec("asyncpg") is None:
        raise StoreUrlInvalid("a PostgreSQL store needs asyncpg: pip install 'hookpoint[postgres]'")
    return importlib.import_module("asyncpg")


def _check(url: str) -> None:
    query = urlsplit(url).query
    try:
        said = dict(parse_qsl(query, strict_parsing=bool(query)))
    except ValueError:
        raise StoreUrlInvalid(
            "the parameters of the store's URL cannot be read; write ?name=value&name=value"
        ) from None
    for name in _FILES & said.keys():
        if not Path(said[name]).is_file():
            raise StoreUrlInvalid(f"the store's URL names a file that is not there: {name}={said[name]}")


def _connector(
    asyncpg: ModuleType,
    url: str,
    settings: Mapping[str, str],
    *,
    timeout: float,
    command_timeout: float | None = None,
) -> Callable[[], Awaitable[Any]]:
    # What the URL says comes first; asyncpg would have it the other way round.
    said = dict(parse_qsl(urlsplit(url).query))
    defaults = {name: value for name, value in settings.items() if name not in said}

    async def connect() -> Any:
        try:
            return await asyncpg.connect(
                url, timeout=timeout, command_timeout=command_timeout, server_settings=defaults
            )
        except asyncpg.ClientConfigurationError as error:
            raise StoreUrlInvalid(f"the store's URL cannot be used: {error}") from error
        except TimeoutError as error:
            raise StoreUnavailable(f"the store did not answer within {timeout:g} seconds") from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StoreUnavailable(f"the store cannot be reached: {error}") from error

    return connect


def _reading(engine: AsyncEngine) -> AsyncEngine:
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _refuse_closed(connection: DBAPIConnection, _: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
    # A server that restarts closes its connections, and asyncpg hears of it: no question need be sent ahead.
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _lost(context: ExceptionContext) -> None:
    """Give up a connection that timed out or broke below the protocol, with all that were made before."""
    if isinstance(context.original_exception, OSError):
        context.is_disconnect = True
        raise StoreUnavailable(f"the store was lost: {str(context.original_exception) or 'no answer'}")


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
