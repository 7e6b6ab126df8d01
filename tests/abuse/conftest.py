"""Fixtures of this folder's own tests."""

from __future__ import annotations

from tests.proxy.stores import postgresql_server, postgresql_url, store_url

__all__ = ["postgresql_server", "postgresql_url", "store_url"]
