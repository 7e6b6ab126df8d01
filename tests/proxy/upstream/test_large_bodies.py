"""A gibibyte each way through a proxy of its own process, whose memory hardly grows."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.proxy.upstream.wire import Peer, answer, connected, get, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GIB = 1 << 30
PIECE = bytes(1 << 18)
MAX_GROWTH = 32 << 20

PROXY = """
import socket, sys
import uvicorn
from hookpoint.proxy.upstream import Upstream

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
config = uvicorn.Config(Upstream(sys.argv[1]), loop=sys.argv[2], http="httptools", log_level="error", access_log=False)
uvicorn.Server(config).run(sockets=[listener])
"""


@asynccontextmanager
async def proxy_process(url: str, loop: str) -> AsyncIterator[tuple[int, psutil.Process]]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROXY, url, loop, stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline()), psutil.Process(process.pid)
    finally:
        process.terminate()
        await process.wait()


async def watch(process: psutil.Process, peak: list[int]) -> None:
    while True:
        peak.append(process.memory_info().rss)
        await asyncio.sleep(0.05)


@pytest.mark.slow
@pytest.mark.asyncio(loop_factories=["uvloop"])
@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("direction", ["up", "down"])
async def test_O_a_gibibyte_streams_through_without_memory_growth(loop: str, direction: str) -> None:
    async def script(peer: Peer) -> None:
        while True:
            start, fields = await peer.head()
            if start.startswith(b"GET /small"):
                await peer.send(answer())
            elif start.startswith(b"GET"):
                await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
                for _ in range(GIB // len(PIECE)):
                    await peer.send(PIECE)
            else:
                left = int(dict(fields)[b"content-length"])
                while left:
                    left -= len(await peer.reader.read(len(PIECE)))
                await peer.send(answer(b"all"))

    async with (
        scripted(script) as upstream,
        proxy_process(upstream.url, loop) as (port, process),
        connected(port) as client,
    ):
        await client.send(get("/small"))
        await client.message()
        before = process.memory_info().rss
        peak: list[int] = []
        watcher = asyncio.ensure_future(watch(process, peak))
        if direction == "up":
            await client.send(get("/", f"Content-Length: {GIB}", method="POST"))
            for _ in range(GIB // len(PIECE)):
                await client.send(PIECE)
            assert (await client.message()).body == b"all"
        else:
            await client.send(get())
            await client.head()
            left = GIB
            while left:
                left -= len(await client.reader.read(len(PIECE)))
        watcher.cancel()
    assert max(peak) - before < MAX_GROWTH
