"""The connections to the upstream: bounded, last used first, with a bounded queue for those who wait."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hookpoint.proxy.upstream.connection import Connection
from hookpoint.proxy.upstream.errors import ConnectFailed, ConnectTimedOut, PoolExhausted

if TYPE_CHECKING:
    from hookpoint.proxy.upstream.limits import Limits, Timeouts
    from hookpoint.proxy.upstream.origin import Origin

_CONNECT_ATTEMPTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolState:
    """How busy the pool is."""

    active: int
    idle: int
    waiting: int


class Pool:
    """Lends connections: every `acquire` is followed by one `release`.

    The last connection used is lent first, so that the others grow old and are closed before the upstream closes them.
    """

    def __init__(
        self,
        origin: Origin,
        *,
        limits: Limits,
        timeouts: Timeouts,
        ssl_context: ssl.SSLContext | None,
        reuse: bool,
    ) -> None:
        self._origin = origin
        self._limits = limits
        self._timeouts = timeouts
        self._ssl = ssl_context
        self._reuse = reuse
        self._active: set[Connection] = set()
        self._lent = 0
        self._idle: list[Connection] = []
        self._queue: deque[asyncio.Future[None]] = deque()
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def state(self) -> PoolState:
        """Count connections in use, connections idle, and requests that wait."""
        return PoolState(active=self._lent, idle=len(self._idle), waiting=len(self._queue))

    async def acquire(self) -> Connection:
        """Return a connection nothing has come over since its last answer.

        Raises PoolExhausted, ConnectFailed and ConnectTimedOut.
        """
        if self._lent >= self._limits.connections:
            await self._wait_for_turn()
        else:
            self._lent += 1
        try:
            connection = self._take_idle() or await self._open()
        except BaseException:
            self._pass_turn()
            raise
        self._active.add(connection)
        return connection

    def release(self, connection: Connection, *, complete: bool) -> None:
        """Take a connection back; `complete` says that the request was sent to its end."""
        self._active.discard(connection)
        if connection.retire() and complete and self._reuse:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
            self._plan_sweep()
        else:
            connection.close()
        self._pass_turn()

    def close(self) -> None:
        """Close every connection, those in use too."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in (*self._idle, *self._active):
            connection.close()
        self._idle.clear()

    def _take_idle(self) -> Connection | None:
        if not self._idle:
            return None
        oldest = asyncio.get_running_loop().time() - self._timeouts.keepalive
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since > oldest and connection.usable:
                return connection
            connection.close()
        return None

    async def _wait_for_turn(self) -> None:
        if len(self._queue) >= self._limits.queue:
            raise PoolExhausted("the queue for a connection is full")
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(self._timeouts.queue):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._pass_turn()
            elif turn in self._queue:
                self._queue.remove(turn)
            if isinstance(error, TimeoutError):
                raise PoolExhausted("no connection became free in time") from None
            raise

    def _pass_turn(self) -> None:
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._lent -= 1

    async def _open(self) -> Connection:
        try:
            async with asyncio.timeout(self._timeouts.connect):
                return await self._connect()
        except TimeoutError:
            raise ConnectTimedOut(f"no connection within {self._timeouts.connect} s") from None

    async def _connect(self) -> Connection:
        """Connect; a failure before any byte was sent may be tried again safely, once."""
        loop = asyncio.get_running_loop()
        for attempt in range(1, _CONNECT_ATTEMPTS + 1):
            try:
                _, connection = await loop.create_connection(
                    lambda: Connection(loop, self._limits),
                    self._origin.host,
                    self._origin.port,
                    ssl=self._ssl,
                    server_hostname=self._origin.host if self._ssl else None,
                )
            except ssl.SSLError as error:
                raise ConnectFailed(f"TLS: {error.reason or error}") from error
            except TimeoutError:
                raise
            except OSError as error:
                if attempt == _CONNECT_ATTEMPTS:
                    raise ConnectFailed(str(error)) from error
            else:
                return connection
        raise AssertionError("unreachable")

    def _plan_sweep(self) -> None:
        if self._sweep is None:
            loop = asyncio.get_running_loop()
            due = self._idle[0].idle_since + self._timeouts.keepalive
            self._sweep = loop.call_at(due, self._close_old)

    def _close_old(self) -> None:
        self._sweep = None
        oldest = asyncio.get_running_loop().time() - self._timeouts.keepalive
        kept = []
        for connection in self._idle:
            if connection.idle_since > oldest and not connection.closed:
                kept.append(connection)
            else:
                connection.close()
        self._idle = kept
        if kept:
            self._plan_sweep()
