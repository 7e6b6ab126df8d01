"""One HTTP call to a hook: to a judged address, bounded in time and size, no redirects, and certain about what was sent.

The transport is used without a client, on purpose: a client logs addresses, keeps cookies, reads the environment and can be told to
follow redirects.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx2

from hookpoint.hooks.http.addresses import Addresses, AddressRefused

MAX_ANSWER: Final = 256 * 1024
# Idle connections are dropped before servers and load balancers do it: a request on one that is just being closed has no
# knowable outcome.
_LIMITS: Final = httpx2.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=4.0)
# Also what goes wrong in the handshake of TLS. All other errors may come after the first byte.
_BEFORE_WRITING: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


class NotReached(Exception):  # noqa: N818 - a state
    """Not one byte of the request was written."""


class NoAnswer(Exception):  # noqa: N818 - a state
    """Something was written, and no whole answer came back."""


class BadAnswer(Exception):  # noqa: N818 - a verdict
    """An answer that is not read: too large, or compressed, which was not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RawAnswer:
    """An answer, read whole."""

    status: int
    headers: httpx2.Headers
    body: bytes


class Caller:
    """Posts to one URL over pooled connections; `start` opens the pool, `aclose` ends it. `tls` is needed where the URL is https."""

    def __init__(
        self, url: str, addresses: Addresses, *, tls: ssl.SSLContext | None, connect_timeout: float = 1.0
    ) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.netloc.rpartition("@")[2]
        self._target = parts.path or "/"
        if parts.query:
            self._target += f"?{parts.query}"
        self._addresses = addresses
        self._tls = tls
        self._connect_timeout = connect_timeout
        self._transport: httpx2.AsyncBaseTransport | None = None
        self._urls: dict[str, httpx2.URL] = {}

    async def start(self) -> None:
        """Open the pool; connections come with the first call."""
        if self._transport is None:
            self._transport = httpx2.AsyncHTTPTransport(
                verify=self._tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False, limits=_LIMITS, retries=0
            )

    async def aclose(self) -> None:
        """Close all connections."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    async def send(self, method: str, body: bytes, headers: Sequence[tuple[str, str]], *, timeout: float) -> RawAnswer:
        """Make a call and read the answer; each of its steps may take `timeout` seconds, the whole is the caller's to limit.

        Raises NotReached, NoAnswer and BadAnswer.
        """
        await self.start()
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
                return await self._send_to(address, method, body, headers, timeout)
            except NotReached:
                continue
        try:
            return await self._send_to(addresses[-1], method, body, headers, timeout)
        except NotReached:
            self._addresses.forget()
            raise

    async def _send_to(
        self, address: str, method: str, body: bytes, headers: Sequence[tuple[str, str]], timeout: float
    ) -> RawAnswer:
        connect = min(timeout, self._connect_timeout)
        request = httpx2.Request(
            method,
            self._url(address),
            headers=[("host", self._host), ("accept-encoding", "identity"), *headers],
            content=body,
            extensions={
                "timeout": {"connect": connect, "pool": connect, "read": timeout, "write": timeout},
                "sni_hostname": self._addresses.host,
            },
        )
        assert self._transport is not None
        try:
            response = await self._transport.handle_async_request(request)
            try:
                return RawAnswer(
                    status=response.status_code, headers=response.headers, body=await _read(response, method)
                )
            finally:
                await response.aclose()
        except (httpx2.TransportError, ssl.SSLError, OSError) as error:
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise (NotReached if isinstance(error, _BEFORE_WRITING) else NoAnswer)(reason) from None

    def _url(self, address: str) -> httpx2.URL:
        url = self._urls.get(address)
        if url is None:
            host = f"[{address}]" if ":" in address else address
            if len(self._urls) > 64:  # a name that leads elsewhere again and again
                self._urls.clear()
            url = self._urls[address] = httpx2.URL(f"{self._scheme}://{host}:{self._addresses.port}{self._target}")
        return url


async def _read(response: httpx2.Response, method: str) -> bytes:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadAnswer("its answer is compressed, which was not asked for")
    body = bytearray()
    if method == "HEAD":
        return b""
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    async for chunk in response.stream:
        body += chunk
        if len(body) > MAX_ANSWER:
            raise BadAnswer(f"its answer has more than {MAX_ANSWER} bytes")
    return bytes(body)


async def within(seconds: float, call: Caller, body: bytes, headers: Sequence[tuple[str, str]]) -> RawAnswer:
    """Post and read the answer within so many seconds; raises TimeoutError besides."""
    async with asyncio.timeout(seconds):
        return await call.send("POST", body, headers, timeout=seconds)
