"""Both ends of the wire, by hand: a scripted upstream, a client that sends bytes, and uvicorn between them."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import ASGIApp

    Script = Callable[["Peer"], Awaitable[None]]

PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A request or an answer as it was on the wire; names in lower case."""

    start: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def status(self) -> int:
        return int(self.start.split()[1])

    @property
    def target(self) -> bytes:
        return self.start.split(b" ")[1]

    def all(self, name: bytes) -> list[bytes]:
        return [value for candidate, value in self.fields if candidate == name]

    def one(self, name: bytes) -> bytes | None:
        values = self.all(name)
        assert len(values) < 2, values
        return values[0] if values else None


class Peer:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        if self.writer.transport.is_closing():
            raise ConnectionResetError
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        start, *lines = head[:-4].split(b"\r\n")
        return start, [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]

    async def message(self, *, bodiless: bool = False) -> Message:
        """Read a whole message; raises IncompleteReadError when it is cut off."""
        start, fields = await self.head()
        body = b"" if bodiless else await asyncio.wait_for(self._body(start, dict(fields)), PATIENCE)
        return Message(start=start, fields=fields, body=body)

    async def chunk(self) -> bytes:
        """Read one chunk of a chunked body, b"" for the last."""
        size = int(await asyncio.wait_for(self.reader.readuntil(b"\r\n"), PATIENCE), 16)
        return (await asyncio.wait_for(self.reader.readexactly(size + 2), PATIENCE))[:-2]

    async def eof(self) -> bytes:
        """Read to the end, however it comes."""
        data = bytearray()
        try:
            while piece := await asyncio.wait_for(self.reader.read(65536), PATIENCE):
                data += piece
        except ConnectionError:
            pass
        return bytes(data)

    def reset(self) -> None:
        """Break the connection off with RST, which no reader can take for its end."""
        if self.writer.transport.is_closing():
            return
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def _body(self, start: bytes, fields: dict[bytes, bytes]) -> bytes:
        if start[:12] in (b"HTTP/1.1 204", b"HTTP/1.1 304"):
            return b""
        if fields.get(b"transfer-encoding") == b"chunked":
            body = bytearray()
            while chunk := await self.chunk():
                body += chunk
            return bytes(body)
        if b"content-length" in fields:
            return await self.reader.readexactly(int(fields[b"content-length"]))
        return await self.reader.read() if start.startswith(b"HTTP/") else b""


@dataclass(slots=True)
class ScriptedUpstream:
    """Runs a script for each connection and remembers what came."""

    script: Script
    tls: ssl.SSLContext | None = None
    connections: int = 0
    port: int = 0
    peers: set[Peer] = field(default_factory=set)
    failures: list[BaseException] = field(default_factory=list)
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self.connections += 1
        self.peers.add(peer)
        self.idle.clear()
        try:
            await self.script(peer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except Exception as error:  # noqa: BLE001 - shown by the fixture
            self.failures.append(error)
        finally:
            writer.close()
            self.peers.discard(peer)
            if not self.peers:
                self.idle.set()


@asynccontextmanager
async def scripted(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedUpstream]:
    """Serve a script on a free port."""
    upstream = ScriptedUpstream(script, tls)
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=tls)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        if upstream.peers:
            for peer in upstream.peers:
                peer.reset()
            await asyncio.wait_for(upstream.idle.wait(), PATIENCE)
        assert upstream.failures == []


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[int]:
    """Serve an app with uvicorn and httptools on a free port."""
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="websockets-sansio",
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    # asyncio turns Nagle's algorithm off only where the listening socket names its protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    await server.startup(sockets=[listener])
    try:
        yield listener.getsockname()[1]
    finally:
        await server.shutdown(sockets=[listener])
        listener.close()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Peer]:
    """Connect as a client."""
    peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield peer
    finally:
        await peer.close()


@asynccontextmanager
async def proxied(app: ASGIApp) -> AsyncIterator[Peer]:
    """Serve an app and connect to it."""
    async with serving(app) as port, connected(port) as client:
        yield client


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something inside the proxy that nothing outside announces."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def get(target: str = "/", *lines: str, method: str = "GET") -> bytes:
    """Return a request without a body."""
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: login.test", *lines, "", ""]).encode("latin-1")


def answer(body: bytes = b"ok", *lines: bytes, status: bytes = b"200 OK") -> bytes:
    """Return an answer with a length."""
    return b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *lines, b"", body])
