"""The clocks of a connection: one running deadline, and the pace of a request body."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from hookpoint.proxy.server.limits import RequestLimits

_FRAMING_BYTES = 16 * 1024
_FRAMING_RATIO = 16


class Deadline:
    """A timer that can be started again and stopped; at most one callback is due."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start with nothing due."""
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        """Whether a callback is due."""
        return self._handle is not None

    def start(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back after so many seconds, and forget what was due before."""
        self.stop()
        self._handle = self._loop.call_later(seconds, self._expire, callback)

    def stop(self) -> None:
        """Forget what was due."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _expire(self, callback: Callable[[], None]) -> None:
        self._handle = None
        callback()


class BodyPace:
    """How fast a request body comes in, and how much of what comes is content."""

    def __init__(self, limits: RequestLimits) -> None:
        """Judge by the limits of the server."""
        self._least = limits.body_minimum_rate * limits.body_timeout
        self._raw = 0
        self._content = 0
        self._in_window = 0

    def begin(self) -> None:
        """Begin with a body."""
        self._raw = self._content = self._in_window = 0

    def begin_window(self) -> None:
        """Begin with a stretch of time of which the pace is judged."""
        self._in_window = 0

    def add_raw(self, count: int) -> None:
        """Count bytes from the wire."""
        self._raw += count

    def add_content(self, count: int) -> None:
        """Count bytes of content."""
        self._content += count
        self._in_window += count

    @property
    def is_too_slow(self) -> bool:
        """Whether the window brought less than the least."""
        return self._in_window < self._least

    @property
    def is_mostly_framing(self) -> bool:
        """Whether chunk extensions or trailers outweigh the content beyond what one-byte chunks would need."""
        return self._raw - self._content > _FRAMING_BYTES + _FRAMING_RATIO * self._content
