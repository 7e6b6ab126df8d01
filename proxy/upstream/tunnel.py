"""WebSockets: a client connection of the websockets library on one side, the server's on the other (RFC 6455)."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.uri import WebSocketURI

from hookpoint.proxy.upstream.errors import (
    AnswerCut,
    AnswerInvalid,
    AnswerTimedOut,
    ClientGone,
    ConnectFailed,
    RequestRefused,
    UpstreamBroken,
)
from hookpoint.proxy.upstream.fields import response_fields

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from starlette.types import Message, Receive, Scope, Send
    from websockets.asyncio.client import ClientConnection
    from websockets.http11 import Response
    from websockets.typing import Subprotocol

    from hookpoint.proxy.upstream.limits import Limits, Timeouts
    from hookpoint.proxy.upstream.origin import Origin
    from hookpoint.proxy.upstream.request import OutgoingRequest

_HOST = re.compile(r"(?P<host>\[[^\]]+\]|[^:]+)(?::(?P<port>[0-9]{1,5}))?")
# Close codes that only describe what happened and never stand in a frame (RFC 6455 section 7.4.1).
_NO_STATUS, _ABNORMAL = 1005, 1006
_NORMAL, _TOO_BIG, _BAD_GATEWAY = 1000, 1009, 1014
_CLOSE_TIMEOUT = 5.0

# At level DEBUG the library logs every header field, cookies and our secret among them.
_log = logging.getLogger(f"{__name__}.websockets")
_log.setLevel(logging.INFO)


class _Handshake(connect):
    """Connects to one address and follows nobody elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Take a redirect for an answer like any other."""
        return exc


class Tunnel:
    """Carries one WebSocket; messages are passed on whole, pings stay on their own side."""

    def __init__(
        self,
        request: OutgoingRequest,
        scope: Scope,
        receive: Receive,
        send: Send,
        *,
        origin: Origin,
        timeouts: Timeouts,
        limits: Limits,
        ssl_context: ssl.SSLContext | None,
        date: Callable[[], bytes],
    ) -> None:
        self._request = request
        self._scope = scope
        self._receive = receive
        self._send = send
        self._origin = origin
        self._timeouts = timeouts
        self._limits = limits
        self._ssl = ssl_context
        self._date = date
        self.status: int | None = None

    async def run(self) -> None:
        """Open the upstream's side, accept the client's, and pass messages until one side closes.

        Raises UpstreamError before the client was accepted, UpstreamBroken when the upstream breaks off later, ClientGone.
        """
        message = await self._receive()
        if message["type"] != "websocket.connect":
            raise ClientGone
        connecting = asyncio.ensure_future(self._connect())
        first = asyncio.ensure_future(self._receive())
        upstream: ClientConnection | None = None
        try:
            await asyncio.wait([connecting, first], return_when=asyncio.FIRST_COMPLETED)
            if first.done() and first.result()["type"] == "websocket.disconnect":
                raise ClientGone
            try:
                upstream = await connecting
            except InvalidStatus as denial:
                await self._deny(denial.response)
                return
            await self._accept(upstream)
            await self._pass_messages(upstream, first)
        finally:
            await _cancel(connecting, first)
            if upstream is not None:
                upstream.transport.abort()

    async def _connect(self) -> ClientConnection:
        host, port = self._named_host()
        try:
            handshake = _Handshake(
                "wss://upstream/" if self._ssl else "ws://upstream/",
                host=self._origin.host,
                port=self._origin.port,
                ssl=self._ssl,
                server_hostname=self._origin.host if self._ssl else None,
                subprotocols=[*self._subprotocols()] or None,
                additional_headers=self._fields(),
                user_agent_header=None,
                compression=None,
                proxy=None,
                open_timeout=self._timeouts.connect + self._timeouts.header,
                ping_interval=None,
                close_timeout=_CLOSE_TIMEOUT,
                max_size=self._limits.websocket_message,
                logger=_log,
            )
            # Set after parsing, which would not keep the target byte for byte; the Host field is made of it.
            handshake.ws_uri = WebSocketURI(self._ssl is not None, host, port, self._request.target.decode("ascii"), "")
        except ValueError as error:
            raise RequestRefused(str(error)) from None
        try:
            return await handshake
        except TimeoutError as error:
            raise AnswerTimedOut("no WebSocket handshake in time") from error
        except InvalidStatus:
            raise
        except InvalidHandshake as error:
            raise AnswerInvalid(str(error)) from error
        except OSError as error:
            raise ConnectFailed(str(error)) from error

    def _named_host(self) -> tuple[str, int]:
        named = next(value for name, value in self._request.fields if name == b"host").decode("latin-1")
        match = _HOST.fullmatch(named)
        if match is None:
            raise RequestRefused("Host is not an authority")
        return match["host"].strip("[]"), int(match["port"] or (443 if self._ssl else 80))

    def _fields(self) -> list[tuple[str, str]]:
        return [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in self._request.fields
            if name != b"host" and name != b"content-length" and not name.startswith(b"sec-websocket-")
        ]

    def _subprotocols(self) -> list[Subprotocol]:
        return list(self._scope.get("subprotocols", ()))

    async def _accept(self, upstream: ClientConnection) -> None:
        self.status = 101
        response = upstream.response
        fields = self._answer_fields(response) if response is not None else []
        await self._send({"type": "websocket.accept", "subprotocol": upstream.subprotocol, "headers": fields})

    async def _deny(self, response: Response) -> None:
        self.status = response.status_code
        if "websocket.http.response" not in self._scope.get("extensions", {}):
            await self._send({"type": "websocket.close"})
            return
        body = bytes(response.body)
        fields = [*self._answer_fields(response), (b"content-length", b"%d" % len(body))]
        await self._send({"type": "websocket.http.response.start", "status": response.status_code, "headers": fields})
        await self._send({"type": "websocket.http.response.body", "body": body, "more_body": False})

    def _answer_fields(self, response: Response) -> list[tuple[bytes, bytes]]:
        fields = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.raw_items()
        ]
        passing = response_fields(fields, status=response.status_code, date=self._date())
        return [
            field for field in passing if field[0] != b"content-length" and not field[0].startswith(b"sec-websocket-")
        ]

    async def _pass_messages(self, upstream: ClientConnection, first: asyncio.Future[Message]) -> None:
        outward = asyncio.ensure_future(self._to_upstream(upstream, first))
        inward = asyncio.ensure_future(self._to_client(upstream))
        try:
            done, _ = await asyncio.wait([outward, inward], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await _cancel(outward, inward)

    async def _to_upstream(self, upstream: ClientConnection, first: asyncio.Future[Message]) -> None:
        message = await first
        while message["type"] == "websocket.receive":
            text = message.get("text")
            data: str | bytes = text if text is not None else message["bytes"]
            size = len(data.encode()) if isinstance(data, str) else len(data)
            if size > self._limits.websocket_message:
                await self._send({"type": "websocket.close", "code": _TOO_BIG, "reason": ""})
                await upstream.close(_TOO_BIG)
                return
            try:
                await upstream.send(data)
            except ConnectionClosed:
                # The other direction tells why.
                await asyncio.get_running_loop().create_future()
            message = await self._receive()
        code = message.get("code") or _NO_STATUS
        # uvicorn says 1005 for a client that vanished too, but then knows no reason, not even an empty one.
        if code == _ABNORMAL or (code == _NO_STATUS and "reason" not in message):
            raise ClientGone
        await upstream.close(_NORMAL if code == _NO_STATUS else code, message.get("reason") or "")

    async def _to_client(self, upstream: ClientConnection) -> None:
        try:
            while True:
                data = await upstream.recv()
                kind = "text" if isinstance(data, str) else "bytes"
                await self._send({"type": "websocket.send", kind: data})
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code != _ABNORMAL:
                code = _NORMAL if closed.rcvd.code == _NO_STATUS else closed.rcvd.code
                await self._send({"type": "websocket.close", "code": code, "reason": closed.rcvd.reason})
            elif closed.sent is not None:
                # Our own side refused what came: too big, not UTF-8, not a frame.
                code = _TOO_BIG if closed.sent.code == _TOO_BIG else _BAD_GATEWAY
                await self._send({"type": "websocket.close", "code": code, "reason": ""})
            else:
                raise UpstreamBroken(AnswerCut("the WebSocket was cut off")) from closed


async def _cancel(*futures: asyncio.Future[ClientConnection] | asyncio.Future[Message] | asyncio.Future[None]) -> None:
    for future in futures:
        future.cancel()
    await asyncio.gather(*futures, return_exceptions=True)
