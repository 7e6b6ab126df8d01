"""Reading HTTP by our parsers and by h11, which was written by others: where both read a message, they read the same one."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import h11
from uvicorn.server import ServerState

from hookpoint.proxy.server.configuration import ServerConfig
from hookpoint.proxy.server.protocol import GuardedProtocol
from hookpoint.proxy.upstream.answer import AnswerReader
from hookpoint.proxy.upstream.errors import AnswerInvalid
from hookpoint.proxy.upstream.limits import Limits

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_CONFIG = ServerConfig(cast("ASGI3Application", None), lifespan="off")  # type: ignore[arg-type]
_CONFIG.load()


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A whole request as some parser read it."""

    method: bytes
    target: bytes
    body: bytes


class _Timer:
    def cancel(self) -> None:
        """Never rings."""


class _Clockless:
    """What a protocol wants of an event loop, without any time passing."""

    def call_later(self, *_: object) -> _Timer:
        return _Timer()

    call_at = call_soon = call_later

    def time(self) -> float:
        return 0.0


class _Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nobody reads what is answered."""

    def get_protocol(self) -> asyncio.BaseProtocol:
        """What took over when a connection was upgraded, with a head that it could read."""
        return asyncio.Protocol()

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = write_eof = close

    def can_write_eof(self) -> bool:
        return True

    def pause_reading(self) -> None:
        """All bytes are here already."""

    resume_reading = pause_reading


class _Recording(GuardedProtocol):
    """The server's protocol, which keeps requests instead of answering them."""

    def __init__(self) -> None:
        super().__init__(_CONFIG, ServerState(), {}, cast("asyncio.AbstractEventLoop", _Clockless()))
        self.read: list[Read] = []
        self.body = bytearray()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.answering = cycle

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.body.clear()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self.body += body

    def on_message_complete(self) -> None:
        ignored = self._ignoring_upgrade
        super().on_message_complete()
        if not ignored:
            method = self.scope["method"].encode()
            self.read.append(Read(method=method, target=self.url, body=bytes(self.body)))

    def handle_websocket_upgrade(self) -> None:
        """A tunnel: nothing behind it is HTTP."""
        self.transport.close()


def read_requests(*pieces: bytes) -> tuple[list[Read], bool]:
    """The whole requests that the server reads, and whether it refused what came behind them."""
    protocol = _Recording()
    protocol.connection_made(_Transport())
    for piece in pieces:
        if piece and not protocol.transport.is_closing():
            protocol.data_received(piece)
    return protocol.read, protocol.rejection is not None


def read_requests_by_h11(data: bytes) -> list[Read]:
    """The same as h11 reads them, up to what it refuses."""
    connection, read = h11.Connection(h11.SERVER, max_incomplete_event_size=65536), []
    connection.receive_data(data)
    with suppress(h11.RemoteProtocolError):
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                request, body = event, bytearray()
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                if request.method == b"CONNECT":
                    break
                read.append(Read(method=request.method, target=request.target, body=bytes(body)))
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                    break
                connection.start_next_cycle()
            else:
                break
    return read


def read_answer(*pieces: bytes) -> tuple[int, bytes, bool, bool] | None:
    """Status, body, whether it is whole, and whether more came behind it; None for what is refused."""
    reader, body = AnswerReader(Limits()), bytearray()
    try:
        for piece in filter(None, pieces):
            body += reader.feed(piece)
    except AnswerInvalid:
        return None
    if reader.head is None:
        return 0, b"", False, False
    return reader.head.status, bytes(body), reader.complete, reader.leftover


def read_answer_by_h11(data: bytes) -> tuple[int, bytes, bool] | None:
    """Status, body, and whether it is whole, as h11 reads them; None for what it refuses."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=65536)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, body = 0, bytearray()
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return status, bytes(body), True
            elif not isinstance(event, h11.InformationalResponse):
                return status, bytes(body), False
    except h11.RemoteProtocolError:
        return None
