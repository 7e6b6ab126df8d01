"""Raw connections to a server: what goes over the wire and what comes back."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hookpoint.proxy.server.configuration import ServerConfig
from hookpoint.proxy.server.limits import RequestLimits
from hookpoint.proxy.server.listener import Listener
from hookpoint.proxy.server.listening import Endpoint, bind, endpoint_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass
class Recorder:
    """An application that keeps what it was asked and answers with the body it got."""

    scopes: list[Scope] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    disconnects: int = 0
    disconnected: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200 with the request body, unless the client breaks off."""
        self.scopes.append(scope)
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.disconnects += 1
                self.disconnected.set()
                return
            body += message["body"]
            more = message["more_body"]
        self.bodies.append(body)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", b"%d" % len(body)), (b"content-type", b"text/plain")],
            }
        )
        await send({"type": "http.response.body", "body": body})

    @property
    def targets(self) -> list[bytes]:
        """Return the request targets in the order of arrival."""
        return [scope["hookpoint.target"] for scope in self.scopes]


@dataclass
class Served:
    """A running server and what tests need of it."""

    port: int
    config: ServerConfig
    listener: Listener

    async def exchange(self, *pieces: bytes, timeout: float = 5.0, half_close: bool = False) -> bytes:
        """Return all that a server sends on a connection until it closes it; TimeoutError if it does not."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if half_close:
                writer.write_eof()
            return await asyncio.wait_for(reader.read(-1), timeout)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def serve(
    app: ASGIApp, limits: RequestLimits | None = None, *, expected_failures: tuple[type[Exception], ...] = ()
) -> AsyncIterator[Served]:
    """Serve an application on a free port of 127.0.0.1; no callback of the event loop may fail meanwhile."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    socket = bind(Endpoint("127.0.0.1", 0))
    port = endpoint_of(socket).port
    config = ServerConfig(app, limits=limits, lifespan="off", expected_failures=expected_failures)
    listener = Listener(config, socket)
    await listener.start()
    try:
        yield Served(port, config, listener)
    finally:
        hurry = asyncio.Event()
        hurry.set()
        await listener.drain(0.0, hurry)
    assert failures == []
