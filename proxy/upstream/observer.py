"""What an operator may want to count and time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeRecord:
    """One finished exchange; times in seconds."""

    kind: Literal["http", "websocket"]
    method: str
    status: int | None
    """The upstream's status; None when it gave none."""
    outcome: str
    """"ok", or the code of what went wrong (`UpstreamError.code`, "client_gone", "cancelled", "error")."""
    seconds: float
    """From the call to its end."""
    seconds_to_head: float | None
    """From the call to the upstream's header fields."""
    reused: bool
    """Whether an idle connection was used."""


class ExchangeObserver(Protocol):
    """Called once at the end of every exchange; must not block or raise."""

    def __call__(self, record: ExchangeRecord, /) -> None: ...
