"""How uvicorn is set up here: our protocols, none of its headers, none of its trust in forwarding headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import uvicorn

from hookpoint.proxy.server.limits import RequestLimits
from hookpoint.proxy.server.protocol import GuardedProtocol
from hookpoint.proxy.server.websockets import GuardedWebSocketProtocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class ServerConfig(uvicorn.Config):
    """uvicorn's settings, with what the guarded protocols need to know."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: RequestLimits | None = None,
        expected_failures: tuple[type[Exception], ...] = (),
        lifespan: Literal["on", "off"] = "on",
    ) -> None:
        """Serve `app`; `expected_failures` are logged in one line (a broken upstream is nothing to debug here)."""
        self.limits = limits or RequestLimits()
        self.expected_failures = expected_failures
        self.draining = False
        super().__init__(
            lambda: app,
            factory=True,
            interface="asgi3",
            lifespan=lifespan,
            http=GuardedProtocol,
            ws=GuardedWebSocketProtocol,
            ws_per_message_deflate=False,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
