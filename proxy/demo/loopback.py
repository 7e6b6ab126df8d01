"""Running ASGI applications on free ports of the loopback interface, within one event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp


def bind_loopback(port: int = 0) -> socket.socket:
    """A socket bound to 127.0.0.1 on `port`, or on a free one: so an address is known before what answers there is built."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so that asyncio sets TCP_NODELAY
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound


def origin(bound: socket.socket) -> str:
    """The URL of what will answer on the socket, without a slash at the end."""
    host, port = bound.getsockname()
    return f"http://{host}:{port}"


@asynccontextmanager
async def serve(app: ASGIApp, bound: socket.socket | None = None) -> AsyncIterator[str]:
    """Serves `app` on the socket, or on a free port, while the context lasts; gives its URL once it accepts connections.

    Raises RuntimeError when the application fails to start.
    """
    bound = bound or bind_loopback()
    server = _Server(
        uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=2, server_header=False)
    )
    running = asyncio.create_task(server.serve(sockets=[bound]))
    accepting = asyncio.create_task(server.accepting.wait())
    try:
        await asyncio.wait({running, accepting}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            await running
        yield origin(bound)
    finally:
        accepting.cancel()
        server.should_exit = True
        await asyncio.wait({running})
        bound.close()


class _Server(uvicorn.Server):
    """Says when it accepts connections, and leaves signals to the program: several of it share one event loop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets=sockets)
        except SystemExit as error:
            raise RuntimeError("The application did not start.") from error
        self.accepting.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
