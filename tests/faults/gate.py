"""The network between hookpoint and the server behind, as bad as it is told to be."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

Mode = Literal["good", "slow", "resetting"]

_PIECE = 64 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST


class Gate:
    """Forwards connections; `mode` holds for what passes from now on.

    `slow` holds answers back for `delay` seconds, `resetting` cuts every connection when the first bytes of an answer come.
    """

    def __init__(self, port: int, *, delay: float) -> None:
        self.mode: Mode = "good"
        self._port = port
        self._delay = delay
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self, port: int) -> AsyncIterator[None]:
        """Accept connections at a port until the block ends."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", port, backlog=512)
        try:
            yield
        finally:
            server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        async with _closing(writer):
            try:
                behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:  # nobody is there
                return
            async with _closing(behind_writer):
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._forward(reader, behind_writer))
                        group.create_task(self._answer(behind_reader, writer))
                except* (OSError, _Cut):
                    pass

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
        raise _Cut

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(_PIECE):
            if self.mode == "slow":
                await asyncio.sleep(self._delay)
            if self.mode == "resetting":
                writer.write(piece[: len(piece) // 2])
                raw: socket.socket = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                raise _Cut
            writer.write(piece)
            await writer.drain()
        raise _Cut


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Close a connection, and wait until it is closed."""
    try:
        yield
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class _Cut(Exception):  # noqa: N818 - names the event
    """This connection is over."""
