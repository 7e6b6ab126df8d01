"""What serves one kind of route."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

from starlette.types import Receive, Scope, Send


class Flow(Protocol):
    """Serves one kind of route; returns what became of the request, for metrics."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[str]: ...
