"""The load generator: keep-alive connections over plain sockets, one thread, every latency recorded.

Plain sockets rather than an event loop, because loops wait in whole milliseconds, which is as long as what is measured.
"""

from __future__ import annotations

import re
import select
import selectors
import socket
import time
from array import array
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Address = tuple[str, int]

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)
_PIECE = 128 * 1024
_PATIENCE = 10.0  # seconds that answers may take after the last request


class BrokenAnswer(Exception):  # noqa: N818 - names the event
    """The server closed the connection before its answer was complete, or its answer has no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One whole answer."""

    status: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a load: `seconds` measured, latencies in seconds of every good answer, and how many were not."""

    seconds: float
    latencies: Sequence[float] = field(repr=False)
    failed: int
    last: Answer | None

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return len(self.latencies) / self.seconds


def exchange(address: Address, request: bytes, *, timeout: float = _PATIENCE) -> Answer:
    """Send one request on a connection of its own; raises OSError and BrokenAnswer."""
    deadline = time.perf_counter() + timeout
    with selectors.DefaultSelector() as selector:
        connection = _Connection(address, selector)
        try:
            connection.send(request)
            while time.perf_counter() < deadline:
                for _, events in selector.select(0.1):
                    if connection.proceed(events):
                        return connection.answer()
        finally:
            connection.close()
    raise TimeoutError("no answer in time")


def closed_loop(address: Address, requests: Iterator[bytes], *, connections: int, seconds: float) -> Run:
    """Ask again on every connection as soon as it has its answer: how much the server can do.

    Goes on, for as long as anybody may wait, until there is one answer: a slice of time can be shorter than the first takes.
    """
    latencies = array("d")
    failed = 0
    last: _Connection | None = None
    with selectors.DefaultSelector() as selector, _connected(address, selector, connections) as opened:
        started = now = time.perf_counter()
        for connection in opened:
            connection.due = now
            connection.send(next(requests))
        while now - started < (seconds if latencies or failed else max(seconds, _PATIENCE)):
            for key, events in selector.select(1.0):
                connection = key.data
                try:
                    if not connection.proceed(events):
                        continue
                    now = time.perf_counter()
                    if connection.status == 200:
                        latencies.append(now - connection.due)
                        last = connection
                    else:
                        failed += 1
                except (OSError, BrokenAnswer):
                    failed += 1
                    connection.reopen()
                connection.due = now
                connection.send(next(requests), keep=connection is last)
            now = time.perf_counter()
        return Run(seconds=now - started, latencies=latencies, failed=failed, last=last.kept() if last else None)


def open_loop(address: Address, requests: Iterator[bytes], *, rate: float, connections: int, seconds: float) -> Run:
    """Ask at a fixed rate whether or not answers have come.

    A latency counts from the moment its request was due, so that a server that stalls is charged for all it held up.
    """
    latencies = array("d")
    failed = 0
    last: _Connection | None = None
    waiting: deque[float] = deque()
    with selectors.DefaultSelector() as selector, _connected(address, selector, connections) as opened:
        idle = list(opened)
        started = time.perf_counter() + 0.005
        total, due_count, done = int(rate * seconds), 0, 0
        while done < total:
            now = time.perf_counter()
            if now > started + seconds + _PATIENCE:
                failed += total - done
                break
            while due_count < total and started + due_count / rate <= now:
                waiting.append(started + due_count / rate)
                due_count += 1
            while waiting and idle:
                connection = idle.pop()
                connection.due = waiting.popleft()
                connection.send(next(requests), keep=connection is last)
            pause = started + due_count / rate - time.perf_counter() if due_count < total else 0.1
            select.select([selector.fileno()], [], [], max(0.0, pause))
            for key, events in selector.select(0):
                connection = key.data
                try:
                    if not connection.proceed(events):
                        continue
                    if connection.status == 200:
                        latencies.append(time.perf_counter() - connection.due)
                        last = connection
                    else:
                        failed += 1
                except (OSError, BrokenAnswer):
                    failed += 1
                    connection.reopen()
                done += 1
                idle.append(connection)
        return Run(seconds=seconds, latencies=latencies, failed=failed, last=last.kept() if last else None)


@contextmanager
def _connected(address: Address, selector: selectors.BaseSelector, count: int) -> Iterator[list[_Connection]]:
    opened: list[_Connection] = []
    try:
        while len(opened) < count:
            opened.append(_Connection(address, selector))
        yield opened
    finally:
        for connection in opened:
            connection.close()


class _Connection:
    """One connection with at most one request under way. `due` is when that should have left."""

    __slots__ = (
        "_address",
        "_chunked",
        "_kept",
        "_missing",
        "_out",
        "_pieces",
        "_selector",
        "_socket",
        "due",
        "status",
    )

    def __init__(self, address: Address, selector: selectors.BaseSelector) -> None:
        self._address = address
        self._selector = selector
        self._kept: tuple[int, list[bytes]] = (0, [])
        self.due = 0.0
        self._open()

    def _open(self) -> None:
        self._socket = socket.create_connection(self._address, timeout=_PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._selector.register(self._socket, selectors.EVENT_READ, self)
        self._out = memoryview(b"")
        self._forget()

    def _forget(self) -> None:
        self.status = 0
        self._missing = -1  # bytes of the body still to come; -1 before the head is whole
        self._chunked = False
        self._pieces: list[bytes] = []

    def close(self) -> None:
        self._selector.unregister(self._socket)
        self._socket.close()

    def reopen(self) -> None:
        self.close()
        self._open()

    def send(self, request: bytes, *, keep: bool = False) -> None:
        """Send a request, the rest of it when there is room; `keep` remembers the last answer."""
        if keep:
            self._kept = (self.status, self._pieces)
        self._forget()
        sent = self._socket.send(request)
        if sent < len(request):
            self._out = memoryview(request)[sent:]
            self._selector.modify(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    def proceed(self, events: int) -> bool:
        """Go on where the socket lets us; returns whether the answer is complete."""
        if events & selectors.EVENT_WRITE and self._out:
            self._out = self._out[self._socket.send(self._out) :]
            if not self._out:
                self._selector.modify(self._socket, selectors.EVENT_READ, self)
        return bool(events & selectors.EVENT_READ) and self._receive()

    def _receive(self) -> bool:
        try:
            data = self._socket.recv(_PIECE)
        except BlockingIOError:
            return False
        if not data:
            raise BrokenAnswer("the connection was closed")
        self._pieces.append(data)
        if self._missing < 0:
            return self._read_head()
        if self._chunked:
            return b"".join(self._pieces[-2:]).endswith(b"\r\n0\r\n\r\n")
        self._missing -= len(data)
        return self._missing == 0

    def _read_head(self) -> bool:
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.status = int(data[9:12])
        if length := _LENGTH.search(data, 0, end):
            self._missing = int(length[1]) - (len(data) - end - 4)
            return self._missing == 0
        if not _CHUNKED.search(data, 0, end):
            raise BrokenAnswer("the answer has no end")
        self._chunked = True
        self._missing = 0
        return data.endswith(b"\r\n0\r\n\r\n")

    def answer(self) -> Answer:
        """The complete answer."""
        return _answer(self.status, self._pieces)

    def kept(self) -> Answer:
        """The complete answer, or the one before when the next is under way."""
        return _answer(*self._kept) if self._kept[0] else self.answer()


def _answer(status: int, pieces: list[bytes]) -> Answer:
    head, _, body = b"".join(pieces).partition(b"\r\n\r\n")
    if not _LENGTH.search(head):
        body = b"".join(_chunks(body))
    return Answer(status=status, body=body)


def _chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size.partition(b";")[0], 16)
        if not length:
            return
        yield rest[:length]
        body = rest[length + 2 :]
