"""One request and its answer, both streaming at the same time."""

from __future__ import annotations

import asyncio
import math
import time
from enum import Enum
from typing import TYPE_CHECKING

from hookpoint.proxy.upstream.errors import (
    AnswerTimedOut,
    ClientGone,
    ClientTooSlow,
    UpstreamBroken,
    UpstreamError,
)
from hookpoint.proxy.upstream.fields import response_fields
from hookpoint.proxy.upstream.sending import BodySender

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Send

    from hookpoint.proxy.upstream.connection import Connection
    from hookpoint.proxy.upstream.limits import Timeouts
    from hookpoint.proxy.upstream.pool import Pool
    from hookpoint.proxy.upstream.request import OutgoingRequest

# A call that is answered sooner pays neither for a task that watches the client nor for a second timer.
_PATIENCE = 0.1


class _Phase(Enum):
    """What the exchange waits for."""

    CLIENT_BODY = 1
    CONNECTION = 2
    HEAD = 3
    BODY = 4
    CLIENT_READS = 5


# Looked up several times a request; on the class that takes ten times as long.
_CLIENT_BODY, _CONNECTION, _HEAD, _BODY, _CLIENT_READS = _Phase


class Exchange:
    """Forwards one request and streams its answer back.

    Raises UpstreamError before the answer has begun, UpstreamBroken after, ClientGone when the client left.
    """

    def __init__(
        self,
        request: OutgoingRequest,
        pool: Pool,
        receive: Receive,
        send: Send,
        *,
        timeouts: Timeouts,
        date: Callable[[], bytes],
    ) -> None:
        self._request = request
        self._pool = pool
        self._receive = receive
        self._send = send
        self._timeouts = timeouts
        self._date = date
        self._loop = asyncio.get_running_loop()
        self._idle = timeouts.idle if timeouts.idle is not None else math.inf
        # No phase is shorter, so a timer that runs this often is never late.
        self._tick = min(timeouts.header, self._idle)
        self._connection: Connection | None = None
        self._companion: asyncio.Task[None] | None = None
        self._phase = _CLIENT_BODY
        self._received = False
        self._uploading = False
        self._begun = False
        self._ended = False
        self._moved = 0.0
        self._verdict: Exception | None = None
        self.status: int | None = None
        self.head_at: float | None = None
        self.reused = False

    async def run(self) -> None:
        """Forward the request and return when the answer has been handed to the server."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("an exchange runs in a task")
        self._task = task
        cancelling = task.cancelling()
        self._moved = self._loop.time()
        self._timer = self._loop.call_later(min(_PATIENCE, self._tick), self._check)
        try:
            await self._forward()
        except asyncio.CancelledError:
            if self._verdict is None or task.uncancel() > cancelling:
                raise
            raise self._told(self._verdict) from None
        except UpstreamError as error:
            raise self._told(error) from error
        except OSError as error:
            # Servers may raise it from send() once the client has left.
            raise ClientGone from error
        finally:
            self._ended = True
            self._timer.cancel()
            self._give_back(complete=False)
            await self._end_companion()

    async def _forward(self) -> None:
        message = await self._receive()
        if message["type"] != "http.request":
            raise ClientGone
        body, more = message.get("body", b""), message.get("more_body", False)
        self._received = not more
        self._phase = _CONNECTION
        self._sender = BodySender(self._request.framing, whole=None if more else len(body))
        head = self._request.head(*self._sender.fields)
        first = self._sender.encode(body, more=more)
        connection = self._connection = await self._pool.acquire()
        self.reused = connection.exchanges > 0
        connection.begin(head_request=self._request.method == b"HEAD")
        connection.write(head + first if first else head)
        self._phase = _HEAD
        self._moved = self._loop.time()
        if more:
            self._uploading = True
            self._companion = self._loop.create_task(self._upload(connection))
        await self._answer(connection)

    async def _answer(self, connection: Connection) -> None:
        answer = await connection.head()
        self._moved = self._loop.time()
        self.head_at = time.perf_counter()  # uvloop's own clock counts in milliseconds
        self.status = answer.status
        start = {
            "type": "http.response.start",
            "status": answer.status,
            "headers": response_fields(answer.fields, status=answer.status, date=self._date()),
        }
        if self._uploading and answer.status >= 300:
            await self._stop_upload()
        if connection.ends_here:
            body = await connection.chunk()
            self._give_back(complete=not self._uploading)
            self._phase = _CLIENT_READS
            self._begun = True
            await self._send(start)
            await self._send({"type": "http.response.body", "body": body, "more_body": False})
            return
        await self._hand_over(start)
        more = True
        while more:
            chunk = await connection.chunk()
            self._moved = self._loop.time()
            more = not connection.finished
            if not more:
                # Given back before a slow client has taken the end of the answer.
                self._give_back(complete=not self._uploading)
            if chunk or not more:
                await self._hand_over({"type": "http.response.body", "body": chunk, "more_body": more})

    async def _hand_over(self, message: dict[str, object]) -> None:
        self._phase = _CLIENT_READS
        self._begun = True
        await self._send(message)
        self._phase = _BODY
        self._moved = self._loop.time()

    async def _upload(self, connection: Connection) -> None:
        """Send the rest of the body, then watch the client."""
        try:
            more = True
            while more:
                message = await self._receive()
                if message["type"] != "http.request":
                    raise ClientGone
                more = message.get("more_body", False)
                data = self._sender.encode(message.get("body", b""), more=more)
                self._moved = self._loop.time()
                if data:
                    await connection.listen()
                    connection.write(data)
                    if connection.full:
                        await connection.drain()
                        self._moved = self._loop.time()
            self._uploading = False
        except Exception as error:  # noqa: BLE001 - raised again where the exchange waits
            self._interrupt(error)
        else:
            await self._watch()

    async def _watch(self) -> None:
        """Wait for the client to leave; what is left of a body nobody wants is thrown away."""
        try:
            while (await self._receive())["type"] != "http.disconnect":
                pass
        except Exception as error:  # noqa: BLE001 - raised again where the exchange waits
            self._interrupt(error)
        else:
            self._interrupt(ClientGone())

    async def _stop_upload(self) -> None:
        """Stop sending to an upstream that has answered already (RFC 9112 section 9.5)."""
        await self._end_companion()
        self._companion = self._loop.create_task(self._watch())

    async def _end_companion(self) -> None:
        companion, self._companion = self._companion, None
        if companion is not None:
            companion.cancel()
            await asyncio.wait([companion])

    def _give_back(self, *, complete: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.release(connection, complete=complete)

    def _check(self) -> None:
        """Run by the timer: start to watch the client, and end what has taken too long."""
        now = self._loop.time()
        due, error = self._deadline()
        if due <= now:
            self._interrupt(error)
            return
        if self._companion is None and self._received:
            self._companion = self._loop.create_task(self._watch())
        self._timer = self._loop.call_later(min(due - now, self._tick, 3600.0), self._check)

    def _deadline(self) -> tuple[float, UpstreamError]:
        phase = self._phase
        if phase is _CLIENT_BODY:
            return self._moved + self._idle, ClientTooSlow("no body from the client")
        if phase in (_CONNECTION, _CLIENT_READS):
            # The pool has limits of its own; how long a client may read is the server's to decide.
            return math.inf, AnswerTimedOut("")
        if self._uploading:
            if self._connection is not None and self._connection.full:
                return self._moved + self._idle, AnswerTimedOut("the upstream takes no more of the request")
            return self._moved + self._idle, ClientTooSlow("no more body from the client")
        if phase is _HEAD:
            return self._moved + self._timeouts.header, AnswerTimedOut("no header fields from the upstream")
        return self._moved + self._idle, AnswerTimedOut("no more body from the upstream")

    def _interrupt(self, verdict: Exception) -> None:
        """End the exchange wherever it waits, as asyncio.timeout does."""
        if self._verdict is None and not self._ended:
            self._verdict = verdict
            self._task.cancel()

    def _told(self, error: Exception) -> Exception:
        return UpstreamBroken(error) if self._begun and isinstance(error, UpstreamError) else error
