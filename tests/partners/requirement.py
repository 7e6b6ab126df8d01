"""What a test does when something outside of this repository is missing."""

from __future__ import annotations

import importlib
import os
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


class PartnerMissingError(Exception):
    """A server, client or tool that the tests run against cannot be had on this machine."""


def require(found: T | None, reason: str) -> T:
    """Return `found`; when it is None fail under `CI=true` and skip with `reason` otherwise."""
    if found is not None:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(f"missing: {reason}", pytrace=False)
    pytest.skip(f"missing: {reason}")


def require_module(name: str) -> Any:
    """Import a module, for a test or for a whole file of them; fail under `CI=true` and skip otherwise when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"missing: {error}", allow_module_level=True)
