"""Everything that speaks HTTP: the middleware, the reverse proxy made of it, and their command line."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hookpoint.proxy.app import create_app
    from hookpoint.proxy.middleware import HookpointMiddleware
    from hookpoint.proxy.upstream import Upstream

__all__ = ["HookpointMiddleware", "Upstream", "create_app"]

# Imported when asked for: whoever needs one module of this package need not load all of it.
_HOMES = {
    "HookpointMiddleware": "hookpoint.proxy.middleware",
    "Upstream": "hookpoint.proxy.upstream",
    "create_app": "hookpoint.proxy.app",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
