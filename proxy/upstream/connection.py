"""One connection to the upstream: bytes in and out, with back-pressure both ways."""

from __future__ import annotations

import asyncio
import select
from collections import deque
from typing import TYPE_CHECKING, cast

from hookpoint.proxy.upstream.answer import AnswerReader
from hookpoint.proxy.upstream.errors import AnswerCut, AnswerInvalid, UpstreamError

if TYPE_CHECKING:
    from hookpoint.proxy.upstream.answer import AnswerHead
    from hookpoint.proxy.upstream.limits import Limits

# Reading stops while this much waits for the client.
_HIGH_WATER = 64 * 1024
# A loop may run a task that yielded once more before it looks at its sockets.
_ROUNDS_TO_READ = 3
_READABLE = select.POLLIN | select.POLLERR | select.POLLHUP


class Connection(asyncio.Protocol):
    """Carries one exchange after the other; never two at a time.

    Bytes that come while no answer is awaited belong to nobody: the connection is dropped, because the next client would
    get them as its answer (RFC 9112 section 6.3).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limits: Limits) -> None:
        self._loop = loop
        self._limits = limits
        self._reader: AnswerReader | None = None
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._error: UpstreamError | None = None
        self._arrival: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._paused = False
        self._dirty = False
        self.closed = False
        self.exchanges = 0
        self.idle_since = 0.0

    # The exchange.

    def begin(self, *, head_request: bool) -> None:
        """Expect an answer; call it right before writing the request."""
        self._reader = AnswerReader(self._limits, head_request=head_request)
        self.exchanges += 1

    def write(self, data: bytes) -> None:
        """Write without waiting; `drain` tells when there is room again. Nothing happens on a closed connection."""
        if not self.closed:
            self._transport.write(data)

    async def listen(self) -> None:
        """Let the loop read what has come already.

        An upstream may answer and close before it has read everything; a write to it would fail and take the answer along.
        """
        for _ in range(_ROUNDS_TO_READ):
            if self.closed or not self._poll.poll(0):
                return
            await asyncio.sleep(0)

    @property
    def full(self) -> bool:
        """Whether the upstream takes less than is written."""
        return self._writable is not None

    async def drain(self) -> None:
        """Wait until there is room for more, or the connection is closed."""
        if self._writable is not None:
            await self._writable

    async def head(self) -> AnswerHead:
        """Wait for the header fields of the final answer; raises AnswerInvalid and AnswerCut."""
        reader = self._expecting()
        while reader.head is None:
            if self._error is not None:
                raise self._error
            await self._arrive()
        return reader.head

    async def chunk(self) -> bytes:
        """Wait for the next piece of the body, b"" at its end; raises AnswerInvalid and AnswerCut."""
        while not self._chunks:
            if self._expecting().complete:
                return b""
            if self._error is not None:
                raise self._error
            await self._arrive()
        chunk = self._chunks.popleft()
        self._waiting -= len(chunk)
        if self._paused and not self._chunks:
            self._paused = False
            if not self.closed:
                self._transport.resume_reading()
        return chunk

    @property
    def finished(self) -> bool:
        """Whether the answer is complete and every piece of it has been taken."""
        return self._reader is not None and self._reader.complete and not self._chunks

    @property
    def ends_here(self) -> bool:
        """Whether the rest of the answer is at most one piece, so that taking it finishes the answer."""
        return self._reader is not None and self._reader.complete and len(self._chunks) <= 1

    # Between exchanges.

    def retire(self) -> bool:
        """End the exchange and tell whether another one may follow."""
        reader, self._reader = self._reader, None
        return (
            reader is not None
            and reader.complete
            and reader.reusable
            and not self._dirty
            and not self.closed
            and not self.full
            and self._error is None
        )

    @property
    def usable(self) -> bool:
        """Whether nothing came while idle, asking the kernel too: the loop may not have looked yet."""
        return not self._dirty and not self.closed and not self._transport.is_closing() and not self._poll.poll(0)

    def close(self) -> None:
        """Close at once; what was not sent yet is not sent any more."""
        self.closed = True
        self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start; asyncio and uvloop turn Nagle's algorithm off themselves."""
        self._transport = cast("asyncio.Transport", transport)
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), _READABLE)

    def data_received(self, data: bytes) -> None:
        """Read on, or drop the connection when nobody waits for bytes."""
        reader = self._reader
        if reader is None or reader.complete:
            self._drop()
            return
        try:
            body = reader.feed(data)
        except AnswerInvalid as error:
            self._error = error
            self._drop()
        else:
            if body:
                self._chunks.append(body)
                self._waiting += len(body)
            if reader.leftover:
                self._drop()
            elif self._waiting >= _HIGH_WATER and not self._paused and not reader.complete:
                self._paused = True
                self._transport.pause_reading()
        _wake(self._arrival)

    def eof_received(self) -> None:
        """Let the answer end here if it may; only the upstream's own end counts, never a lost or aborted connection."""
        if self._reader is None:
            self._dirty = True
        elif self._error is None:
            try:
                self._reader.feed_eof()
            except AnswerCut as error:
                self._error = error
        _wake(self._arrival)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake everybody who waits for this connection."""
        self.closed = True
        if self._reader is not None and not self._reader.complete and self._error is None:
            self._error = AnswerCut(f"the connection was lost: {type(exc).__name__ if exc else 'closed by the proxy'}")
        _wake(self._arrival)
        self.resume_writing()

    def pause_writing(self) -> None:
        """Note that the upstream is behind."""
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Note that the upstream has caught up."""
        writable, self._writable = self._writable, None
        _wake(writable)

    def _expecting(self) -> AnswerReader:
        if self._reader is None:
            raise RuntimeError("no exchange has begun")
        return self._reader

    async def _arrive(self) -> None:
        self._arrival = self._loop.create_future()
        try:
            await self._arrival
        finally:
            self._arrival = None

    def _drop(self) -> None:
        self._dirty = True
        self.close()


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
