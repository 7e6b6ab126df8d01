"""One HTTP call to a hook: to a judged address, bounded in time and size, no redirects, and certain about what was sent."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import httpx2

from hookpoint.hooks.http.addresses import Addresses, AddressRefused
from hookpoint.hooks.http.connection import MAX_ANSWER, BadAnswer, Connection, NoAnswer, RawAnswer

__all__ = ["MAX_ANSWER", "BadAnswer", "Caller", "NoAnswer", "NotReached", "RawAnswer", "within"]

_MAX_CONNECTIONS: Final = 64
_MAX_IDLE: Final = 16
# Idle connections are dropped before servers and load balancers do it: a request on one that is just being closed has no
# knowable outcome.
_IDLE_SECONDS: Final = 4.0
_UNSENDABLE: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


class NotReached(Exception):  # noqa: N818 - a state
    """Not one byte of the request was written."""


class Caller:
    """Calls one URL over pooled connections; `start` opens the pool, `aclose` ends it. `tls` is needed where the URL is https."""

    def __init__(
        self, url: str, addresses: Addresses, *, tls: ssl.SSLContext | None, connect_timeout: float = 1.0
    ) -> None:
        parts = urlsplit(url)
        self._tls = (tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) if parts.scheme == "https" else None
        if self._tls is not None:
            self._tls.set_alpn_protocols(["http/1.1"])
        self._target = httpx2.URL(url).raw_path.decode("ascii")
        self._fixed = f"host: {parts.netloc.rpartition('@')[2]}\r\naccept-encoding: identity\r\n"
        self._addresses = addresses
        self._connect_timeout = connect_timeout
        self._idle: list[tuple[str, Connection]] = []
        self._used: set[Connection] = set()
        self._turns = asyncio.Semaphore(_MAX_CONNECTIONS)

    async def start(self) -> None:
        """Open the pool; connections come with the first call."""

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in (*self._used, *(connection for _, connection in self._idle)):
            connection.close()
        self._idle.clear()

    async def send(self, method: str, body: bytes, headers: Sequence[tuple[str, str]]) -> RawAnswer:
        """Make a call and read the answer, in as much time as the caller gives it.

        Raises NotReached, NoAnswer and BadAnswer.
        """
        request = self._written(method, body, headers)
        try:
            addresses = await self._addresses.find()
        except AddressRefused as refused:
            raise NotReached(str(refused)) from None
        except OSError as error:
            raise NotReached(
                f"{self._addresses.host} has no address: {error.strerror or type(error).__name__}"
            ) from None
        for address in addresses[:-1]:
            try:
                return await self._send_to(address, request, method)
            except NotReached:
                continue
        try:
            return await self._send_to(addresses[-1], request, method)
        except NotReached:
            self._addresses.forget()
            raise

    def _written(self, method: str, body: bytes, headers: Sequence[tuple[str, str]]) -> bytes:
        for name, value in headers:
            if _UNSENDABLE.search(value):
                raise NotReached(f"the header field {name} would have characters that cannot be sent")
        fields = "".join([f"{name}: {value}\r\n" for name, value in headers])
        head = f"{method} {self._target} HTTP/1.1\r\n{self._fixed}content-length: {len(body)}\r\n{fields}\r\n"
        return head.encode("latin-1") + body

    async def _send_to(self, address: str, request: bytes, method: str) -> RawAnswer:
        if self._turns.locked():
            try:
                async with asyncio.timeout(self._connect_timeout):
                    await self._turns.acquire()
            except TimeoutError:
                raise NotReached(f"{_MAX_CONNECTIONS} calls are under way") from None
        else:
            await self._turns.acquire()
        try:
            connection = self._take_idle(address) or await self._connect(address)
            self._used.add(connection)
            try:
                answer = await connection.ask(request, head_request=method == "HEAD")
            finally:
                self._used.discard(connection)
            self._keep(address, connection)
            return answer
        finally:
            self._turns.release()

    def _take_idle(self, address: str) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - _IDLE_SECONDS
        while self._idle:
            at, connection = self._idle.pop()  # the one used last; the others grow old
            if at == address and connection.idle_since > oldest and connection.usable:
                return connection
            connection.close()
        return None

    def _keep(self, address: str, connection: Connection) -> None:
        if len(self._idle) >= _MAX_IDLE or not connection.usable:
            connection.close()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append((address, connection))

    async def _connect(self, address: str) -> Connection:
        """Connect, with the handshake of TLS; whatever goes wrong there comes before the first byte of a request."""
        try:
            async with asyncio.timeout(self._connect_timeout):
                _, connection = await asyncio.get_running_loop().create_connection(
                    Connection,
                    address,
                    self._addresses.port,
                    ssl=self._tls,
                    server_hostname=self._addresses.host if self._tls else None,
                )
        except TimeoutError:
            raise NotReached(f"no connection within {self._connect_timeout:g} s") from None
        except (OSError, ssl.SSLError) as error:
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise NotReached(reason) from None
        return connection


async def within(seconds: float, call: Caller, body: bytes, headers: Sequence[tuple[str, str]]) -> RawAnswer:
    """Post and read the answer within so many seconds; raises TimeoutError besides."""
    async with asyncio.timeout(seconds):
        return await call.send("POST", body, headers)
