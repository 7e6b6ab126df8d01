"""Fixtures of all tests of the proxy."""

from __future__ import annotations

from tests.proxy.stores import own_server, postgresql_server, postgresql_url, store_url

__all__ = ["own_server", "postgresql_server", "postgresql_url", "store_url"]
