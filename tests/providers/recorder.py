"""A vendor's side: a real HTTP server on loopback that keeps what it was sent and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import h11


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """An answer; ``silent`` never comes, ``cut`` closes the connection instead."""

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    cut: bool = False

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Recorder:
    """Answers with ``answers`` in order, then with ``default``; ``{n}`` in a text body becomes the request's number."""

    def __init__(self, default: Scripted | None = None) -> None:
        self.default = default or Scripted()
        self.answers: deque[Scripted] = deque()
        self.requests: list[Recorded] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def last(self) -> Recorded:
        return self.requests[-1]

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @asynccontextmanager
    async def down(self) -> AsyncIterator[None]:
        """Nobody listens for a while."""
        await self.close()
        yield
        await self.listen()

    @asynccontextmanager
    async def answering(self, answer: Scripted) -> AsyncIterator[None]:
        """Every answer is this one for a while."""
        usual, self.default = self.default, answer
        yield
        self.default = usual

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        connection = h11.Connection(h11.SERVER)
        request, body = None, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(65536)
                if not data:
                    return False
                connection.receive_data(data)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
        assert request is not None
        headers = {name.decode(): value.decode() for name, value in request.headers}
        self.requests.append(
            Recorded(method=request.method.decode(), target=request.target.decode(), headers=headers, body=body)
        )
        answer = self.answers.popleft() if self.answers else self.default
        if answer.silent:
            await asyncio.Event().wait()
        if answer.cut:
            return False
        content = answer.encoded().replace(b"{n}", str(len(self.requests)).encode())
        fields = [(name, value) for name, value in answer.headers.items()]
        fields.append(("content-length", str(len(content))))
        response = h11.Response(status_code=answer.status, headers=fields)
        for event in (response, h11.Data(data=content), h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        await writer.drain()
        return True


@asynccontextmanager
async def recording(default: Scripted | None = None) -> AsyncIterator[Recorder]:
    recorder = Recorder(default)
    await recorder.listen()
    try:
        yield recorder
    finally:
        await recorder.close()
