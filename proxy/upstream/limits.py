"""How long the upstream may take and how much it may send."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Time limits in seconds."""

    connect: float = 3.0
    """Opening a connection, TLS included."""
    queue: float = 5.0
    """Waiting for one of the connections when all are in use."""
    header: float = 30.0
    """From the end of the request to the end of the answer's header fields."""
    idle: float | None = 60.0
    """Silence within a body, either way; None for streams that may be silent for ever."""
    keepalive: float = 4.0
    """How long an unused connection is kept; less than the upstream's own time, which often is 5."""

    def __post_init__(self) -> None:
        """Refuse times that are not positive."""
        for value in (self.connect, self.queue, self.header, self.keepalive):
            if value <= 0:
                raise ValueError("time limits are positive")
        if self.idle is not None and self.idle <= 0:
            raise ValueError("time limits are positive; None turns the idle limit off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of number and size (bytes)."""

    connections: int = 100
    """Connections for requests that are open at one time."""
    queue: int = 1000
    """Requests that wait for a connection; more are turned away."""
    header_count: int = 100
    """Header fields of an answer."""
    header_bytes: int = 32 * 1024
    """Status line and header fields of an answer together."""
    websockets: int = 1000
    """WebSockets that are open at one time."""
    websocket_message: int = 16 * 1024 * 1024
    """One WebSocket message, either way."""

    def __post_init__(self) -> None:
        """Refuse limits under which nothing would work."""
        if min(self.connections, self.header_count, self.header_bytes) < 1:
            raise ValueError("limits are at least 1")
        if min(self.queue, self.websockets, self.websocket_message) < 0:
            raise ValueError("limits are not negative")
