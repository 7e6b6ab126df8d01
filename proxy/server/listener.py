"""One application on one listening socket: start, and drain without losing an answer."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog
import uvicorn

from hookpoint.proxy.server.errors import StartError
from hookpoint.proxy.server.protocol import GuardedProtocol

if TYPE_CHECKING:
    import socket

    from hookpoint.proxy.server.configuration import ServerConfig

_POLL_SECONDS = 0.02
_CANCEL_SECONDS = 2.0

_logger = structlog.get_logger(__name__)


class Listener:
    """An application that is served on a bound socket."""

    def __init__(self, config: ServerConfig, listener: socket.socket) -> None:
        """Serve the application of `config` on `listener`, which belongs to this object from now on."""
        self._config = config
        self._socket = listener
        # A second descriptor of the socket, to take in what queued up before the first one is closed.
        self._queue = listener.dup()
        self._server = uvicorn.Server(config)

    async def start(self) -> None:
        """Run the application's start-up and accept connections; StartError when it refuses."""
        self._config.load()
        self._server.lifespan = self._config.lifespan_class(self._config)
        try:
            await self._server.startup(sockets=[self._socket])
        except SystemExit as exit_:
            self._close_sockets()
            raise StartError("the application did not start") from exit_

    async def drain(self, timeout: float, hurry: asyncio.Event) -> None:
        """Stop accepting, finish what is under way, cancel the rest after `timeout` seconds or when `hurry` is set."""
        state = self._server.server_state
        self._config.draining = True
        for server in self._server.servers:
            server.close()
        await self._accept_queued()
        self._close_sockets()
        for connection in list(state.connections):
            if isinstance(connection, GuardedProtocol):
                connection.shutdown()
        deadline = asyncio.get_running_loop().time() + timeout
        while (state.connections or state.tasks) and not hurry.is_set():
            remaining = deadline - asyncio.get_running_loop().time()
            if remaining <= 0:
                break
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hurry.wait(), min(_POLL_SECONDS, remaining))
        await self._cut_off()
        await self._server.lifespan.shutdown()

    async def _accept_queued(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = self._queue.accept()
            except OSError:
                return
            connection.setblocking(False)
            await loop.connect_accepted_socket(self._create_protocol, connection)

    def _create_protocol(self) -> GuardedProtocol:
        return GuardedProtocol(self._config, self._server.server_state, self._server.lifespan.state)

    def _close_sockets(self) -> None:
        self._queue.close()
        self._socket.close()

    async def _cut_off(self) -> None:
        state = self._server.server_state
        if not state.connections and not state.tasks:
            return
        _logger.warning("drain_cut_off", connections=len(state.connections), requests=len(state.tasks))
        for connection in list(state.connections):
            if not isinstance(connection, GuardedProtocol):
                connection.shutdown()
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CANCEL_SECONDS)
        for connection in list(state.connections):
            connection.transport.abort()
