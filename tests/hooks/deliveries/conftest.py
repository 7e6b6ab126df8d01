"""Fixtures of the tests of durable delivery."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from hookpoint.hooks.deliveries import MIGRATIONS, PART
from hookpoint.proxy.store import Store, open_store
from tests.proxy.stores import postgresql_server, postgresql_url, store_url

__all__ = ["postgresql_server", "postgresql_url", "store", "store_url"]


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    """A database with the tables of deliveries, of each engine in turn."""
    opened = await open_store(store_url)
    await opened.migrate(PART, MIGRATIONS)
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
