"""An authorization server that speaks HTTP byte by byte: it keeps what it heard and answers with whatever bytes a test wants."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.proxy.e2e.recorder import JWKS, METADATA, Recorder
from tests.proxy.upstream.wire import Message, Peer, answer

JSON = b"Content-Type: application/json"
PATIENCE = 20.0

Behaviour = Callable[[Peer, Message], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class RawUpstream:
    """The server under `issuer`; `behaviours` say by path how it answers what it does not answer as it should.

    `early` has what is answered to a request before its body has come. `heard` has every request but those for its documents. `broken` has what came and was no HTTP message: to this server, that is what
    a smuggled request would look like.
    """

    issuer: str
    behaviours: dict[bytes, Behaviour] = field(default_factory=dict)
    everywhere: Behaviour | None = None
    early: dict[bytes, bytes] = field(default_factory=dict)
    heard: list[Message] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    port: int = 0
    recorder: Recorder = field(init=False)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.recorder = Recorder(issuer=self.issuer)

    @property
    def url(self) -> str:
        """Where it listens; by name, as cookie jars know no addresses."""
        return f"http://localhost:{self.port}"

    def heard_at(self, path: bytes) -> list[Message]:
        """What came for one path."""
        return [message for message in self.heard if message.target.partition(b"?")[0] == path]

    def wait_for(self, path: bytes, number: int = 1) -> list[Message]:
        """Wait until so many requests have come for a path."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.heard_at(path)) >= number, PATIENCE), self.heard
            return self.heard_at(path)

    def forget(self) -> None:
        """Start afresh."""
        self.behaviours.clear()
        self.everywhere = None
        self.early.clear()
        self.heard.clear()
        self.broken.clear()

    def token_answer(self, scope: str = "api:read") -> bytes:
        """The body of a good answer of the token endpoint."""
        members = {"access_token": self.recorder.token(scope), "token_type": "Bearer", "expires_in": 3600}
        return json.dumps(members).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        peer = Peer(reader, writer)
        try:
            while not reader.at_eof():
                await self._exchange(peer)
        except asyncio.IncompleteReadError as cut:
            if cut.partial:
                self.broken.append(f"cut off after {cut.partial[-200:]!r}")
        except ConnectionError:
            pass
        except (TimeoutError, ValueError, IndexError) as error:
            self.broken.append(f"{type(error).__name__}: {error}")
        finally:
            writer.close()

    async def _exchange(self, peer: Peer) -> None:
        message = await self._next(peer)
        path = message.target.partition(b"?")[0]
        documents = {METADATA.encode(): self.recorder.metadata(), JWKS.encode(): self.recorder.key_set()}
        if path in documents:
            await peer.send(answer(json.dumps(documents[path]).encode(), JSON))
            return
        with self.arrived:
            self.heard.append(message)
            self.arrived.notify_all()
        if behaviour := self.behaviours.get(path, self.everywhere):
            await behaviour(peer, message)
        elif path == b"/oauth/token":
            await peer.send(answer(self.token_answer(), JSON, b"Cache-Control: no-store"))
        elif message.start.startswith(b"HEAD "):
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        else:
            await peer.send(answer(b"heard " + path + b" " + str(len(message.body)).encode()))

    async def _next(self, peer: Peer) -> Message:
        head = await peer.reader.readuntil(b"\r\n\r\n")  # idle connections may wait for ever
        start, *lines = head[:-4].split(b"\r\n")
        fields = [(name.lower(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        lengths = [value for name, value in fields if name == b"content-length"]
        codings = [value for name, value in fields if name == b"transfer-encoding"]
        if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]) or start.count(b" ") != 2:
            raise ValueError(f"a request that can be read in two ways: {head!r}")
        if early := self.early.get(start.split(b" ")[1]):
            await peer.send(early)
        body = bytearray()
        while codings and (chunk := await peer.chunk()):
            body += chunk
        if lengths:
            body += await asyncio.wait_for(peer.reader.readexactly(int(lengths[0])), PATIENCE)
        return Message(start=start, fields=fields, body=bytes(body))


@contextmanager
def run_raw_upstream(issuer: str) -> Iterator[RawUpstream]:
    """Serve it on a free port, from an event loop in another thread."""
    upstream = RawUpstream(issuer=issuer)
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=2**20)
        upstream.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield upstream
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)
        loop.close()


def say(data: bytes, *, close: bool = False) -> Behaviour:
    """Answer with these bytes."""

    async def behave(peer: Peer, _: Message) -> None:
        await peer.send(data)
        if close:
            await peer.close()

    return behave
