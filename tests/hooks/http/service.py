"""A service that hooks call: real sockets, and every way in which a service can go wrong."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Behaviour = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def answer(
    status: int, body: object = b"", *, kind: str | None = "application/json", headers: Mapping[str, str] = {}
) -> Behaviour:
    """Answer with a status, and with a body of bytes or JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {**({} if kind is None else {"content-type": kind}), "content-length": str(len(content)), **headers}

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(head.encode() + b"\r\n" + content)
        await writer.drain()

    return behave


async def reset(request: Request, writer: asyncio.StreamWriter) -> None:
    """End the connection without a word."""
    writer.transport.abort()


async def hang(request: Request, writer: asyncio.StreamWriter) -> None:
    """Say nothing until the caller gives up."""
    await asyncio.Event().wait()


async def stop_halfway(request: Request, writer: asyncio.StreamWriter) -> None:
    """Promise more than comes."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()


async def flood(request: Request, writer: asyncio.StreamWriter) -> None:
    """An answer without an end."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n")
    try:
        while True:
            writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            await writer.drain()
    except ConnectionError:
        return


@dataclass(slots=True, kw_only=True)
class Service:
    """Behaves as it is told: each of `behaviours` once, the last for good. `requests` are what came."""

    behaviours: list[Behaviour]
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook?tenant=a"

    @property
    def last(self) -> Request:
        return self.requests[-1]

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection in the background."""
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def aclose(self) -> None:
        """End all connections."""
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                pairs = [line.partition(":")[::2] for line in head[1:] if line]
                headers = {name.lower(): value.strip() for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Request(line=head[0], headers=headers, body=body)
                self.requests.append(request)
                behave = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
                await behave(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def running(*behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Service]:
    """Run a service on a free port of this machine."""
    service = Service(behaviours=list(behaviours) or [answer(200, {})], scheme="http" if tls is None else "https")
    server = await asyncio.start_server(service.accept, "127.0.0.1", 0, ssl=tls)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        server.close()
        await service.aclose()
