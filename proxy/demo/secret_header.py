"""A server that answers only requests that carry a secret header, and so only those that came through the proxy."""

from __future__ import annotations

import secrets

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose


class RequireSecretHeader:
    """Answers 403 in place of `app` to every request without header `name: value`."""

    def __init__(self, app: ASGIApp, name: str, value: str) -> None:
        self._app = app
        self._name = name
        self._value = value.encode("latin-1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._is_known(Headers(scope=scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        else:
            refusal = {"error": "access_denied", "error_description": "This server is reached through its proxy only."}
            await JSONResponse(refusal, 403, {"Cache-Control": "no-store"})(scope, receive, send)

    def _is_known(self, headers: Headers) -> bool:
        values = headers.getlist(self._name)
        return len(values) == 1 and secrets.compare_digest(values[0].encode("latin-1"), self._value)
