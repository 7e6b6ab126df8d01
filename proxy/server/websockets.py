"""The WebSocket side of a connection: uvicorn's, with the exact target in the scope and quiet failures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import structlog
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn.server import ServerState
    from websockets.http11 import Request

    from hookpoint.proxy.server.configuration import ServerConfig

_logger = structlog.get_logger(__name__)


class GuardedWebSocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection, taken over from the HTTP protocol after its checks."""

    def __init__(
        self,
        config: ServerConfig,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Take what uvicorn gives to its protocols."""
        super().__init__(config, server_state, app_state, _loop)
        self._expected_failures = config.expected_failures

    def data_received(self, data: bytes) -> None:
        """Take frames; a client that sends them before the handshake is complete is cut off (RFC 6455 §4.1)."""
        if self.handshake_initiated and not self.handshake_complete:
            self.transport.abort()
        else:
            super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        """Start the application with `hookpoint.target` in its scope."""
        super().handle_connect(event)
        if not self.handshake_complete:
            cast("dict[str, object]", self.scope)["hookpoint.target"] = event.path.encode("ascii")

    async def run_asgi(self) -> None:
        """Run the application; a failure ends the connection without a closing handshake (RFC 6455 §7.1.7)."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except asyncio.CancelledError:
            _logger.warning("websocket_cancelled")
        except self._expected_failures as error:
            _logger.warning("websocket_broken", error=str(error), error_type=type(error).__name__)
        except Exception:
            _logger.exception("websocket_failed")
        self.send_500_response()
        if self.close_timer is None:
            self.transport.close()
