"""How much, and for how long, one client connection may ask of the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """Bounds on requests as they arrive; sizes are bytes, times are seconds.

    A request body must bring `body_minimum_rate` bytes per second, averaged over each `body_timeout` in which the
    server was ready to read. Time in which the application does not read is not the client's and does not count.
    """

    target_bytes: int = 8 * 1024
    header_count: int = 100
    header_bytes: int = 32 * 1024
    header_timeout: float = 10.0
    keep_alive_timeout: float = 75.0
    body_timeout: float = 30.0
    body_minimum_rate: float = 100.0
    send_timeout: float = 60.0
    linger: float = 1.0
    """How long what a refused client still sends is read and dropped, so that it gets to see the answer (RFC 9112 §9.6)."""
    drain_grace: float = 1.0
    """How long an idle connection stays open while draining: its next request may already be on the way."""
