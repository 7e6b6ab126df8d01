"""Running an application for one request: what the client gets when the application fails."""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import structlog

from hookpoint.proxy.server.rejection import error_body

if TYPE_CHECKING:
    from uvicorn._types import (
        ASGI3Application,
        ASGIReceiveCallable,
        ASGISendCallable,
        ASGISendEvent,
        HTTPResponseBodyEvent,
        HTTPResponseStartEvent,
        Scope,
    )
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_logger = structlog.get_logger(__name__)


class Answering:
    """An application bound to one request; it never raises, and never ends a broken answer as if it were whole."""

    def __init__(
        self, app: ASGI3Application, cycle: RequestResponseCycle, expected_failures: tuple[type[Exception], ...]
    ) -> None:
        """Answer the request of `cycle` by `app`."""
        self._app = app
        self._cycle = cycle
        self._expected_failures = expected_failures
        self._ends_with_connection = False

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Run the application (an ASGI application itself)."""
        cycle = self._cycle
        if cycle.waiting_for_100_continue or cycle.scope["http_version"] == "1.0":
            send = self._send
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            _logger.warning("request_cancelled", answered=cycle.response_started)
            await self._fail(HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable", "The server is stopping.")
        except self._expected_failures as error:
            log = _logger.debug if cycle.disconnected else _logger.warning
            log("answer_broken", error=str(error), error_type=type(error).__name__, answered=cycle.response_started)
            await self._fail(HTTPStatus.BAD_GATEWAY, "server_error", "The server behind this one failed.")
        except Exception:
            _logger.exception("request_failed", answered=cycle.response_started)
            await self._fail(HTTPStatus.INTERNAL_SERVER_ERROR, "server_error", "Something went wrong here.")
        else:
            if not cycle.response_complete and not cycle.disconnected:
                _logger.error("request_not_answered", answered=cycle.response_started)
                await self._fail(HTTPStatus.INTERNAL_SERVER_ERROR, "server_error", "Something went wrong here.")

    async def _fail(self, status: HTTPStatus, error: str, description: str) -> None:
        if self._cycle.response_started:
            self._break_off()
            return
        body = error_body(error, description)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"connection", b"close"),
        ]
        start = {"type": "http.response.start", "status": status.value, "headers": headers}
        await self._cycle.send(cast("HTTPResponseStartEvent", start))
        end = {"type": "http.response.body", "body": body, "more_body": False}
        await self._cycle.send(cast("HTTPResponseBodyEvent", end))

    def _break_off(self) -> None:
        cycle = self._cycle
        if cycle.disconnected or cycle.response_complete:
            return
        cycle.disconnected = True
        if self._ends_with_connection:
            # Where the end of the connection is the end of the answer, only a reset tells that something is missing.
            connection: socket.socket | None = cycle.transport.get_extra_info("socket")
            if connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            cycle.transport.abort()
        else:
            cycle.transport.close()

    async def _send(self, message: ASGISendEvent) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start":
            if cycle.waiting_for_100_continue:
                # Whether the client still sends its body now is unknown (RFC 9110 §10.1.1).
                cycle.keep_alive = False
            names = {name.lower() for name, _ in message.get("headers", [])}
            if cycle.scope["http_version"] == "1.0" and b"content-length" not in names:
                # HTTP/1.0 knows no chunks (RFC 9112 §6.1): such an answer ends with the connection.
                cycle.chunked_encoding = False
                self._ends_with_connection = True
        elif message["type"] == "http.response.body" and self._ends_with_connection:
            cycle.expected_content_length = len(message.get("body", b""))
        await cycle.send(message)
