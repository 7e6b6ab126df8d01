"""Optional packages: imported when a provider that needs them is made, never before."""

from __future__ import annotations

import importlib
import logging
from typing import Any

from hookpoint.providers.errors import NotInstalled


def require(module: str, *, extra: str, provider: str) -> Any:
    """Import an optional module.

    Raises:
        NotInstalled: with the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise NotInstalled(f"needs the package {package!r}: install hookpoint[{extra}]", provider=provider) from error


def silence(logger: str) -> None:
    """Drop everything that a library logs under this very name, because it logs texts, numbers or credentials."""
    logging.getLogger(logger).addFilter(_nothing)


def _nothing(_: logging.LogRecord) -> bool:
    return False
