"""Flow control that tells when reading from a client stops and goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.flow_control import FlowControl

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class WatchedFlow(FlowControl):
    """Flow control whose owner stops the client's clock while the server itself does not read."""

    def __init__(self, transport: asyncio.Transport, on_pause: Callable[[], None], on_read: Callable[[], None]) -> None:
        """Call `on_pause` when reading pauses, `on_read` whenever the application asks for more."""
        super().__init__(transport)
        self._on_pause = on_pause
        self._on_read = on_read

    def pause_reading(self) -> None:
        """Stop reading from the client."""
        super().pause_reading()
        self._on_pause()

    def resume_reading(self) -> None:
        """Go on reading from the client."""
        super().resume_reading()
        self._on_read()
