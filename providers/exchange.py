"""One HTTP call to a vendor: bounded in time and size, no redirects, and certain about what was sent.

The transport is used without a client, on purpose: a client logs whole addresses (which hold numbers and texts where an API
is a GET), keeps cookies, follows environment variables and can be told to follow redirects.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx2

from hookpoint.providers.errors import Misconfigured, OutcomeUnknown, Unavailable

LARGEST_ANSWER = 64 * 1024
# Idle connections are dropped before vendors and their load balancers do it: a request on one that is just being closed
# has no knowable outcome.
_LIMITS = httpx2.Limits(max_connections=50, max_keepalive_connections=10, keepalive_expiry=5.0)
_BEFORE_WRITING = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A vendor's answer, read whole."""

    status: int
    headers: httpx2.Headers
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON, or None when it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


def open_transport(proxy: str | None = None) -> httpx2.AsyncBaseTransport:
    """A pool of connections that knows no environment variables and never retries."""
    return httpx2.AsyncHTTPTransport(trust_env=False, limits=_LIMITS, proxy=proxy, retries=0)


async def exchange(
    transport: httpx2.AsyncBaseTransport,
    request: httpx2.Request,
    *,
    provider: str,
    connect_timeout: float,
    timeout: float,
) -> Answer:
    """Send a request and read its answer; ``timeout`` covers all of it, both are in seconds.

    Raises:
        Unavailable: not one byte of the request was written.
        OutcomeUnknown: something was written, and no whole answer came back.
        Misconfigured: the address cannot be called.
    """
    writing = False

    async def trace(event: str, _: object) -> None:
        nonlocal writing
        writing = writing or event.endswith("send_request_headers.started")

    request.extensions = {
        **request.extensions,
        "trace": trace,
        "timeout": {"connect": connect_timeout, "pool": connect_timeout, "read": timeout, "write": timeout},
    }
    try:
        async with asyncio.timeout(timeout):
            response = await transport.handle_async_request(request)
            try:
                body = await _read(response)
            finally:
                await response.aclose()
    except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.LocalProtocolError) as error:
        raise Misconfigured(f"cannot be called: {type(error).__name__}", provider=provider) from None
    except (httpx2.TransportError, TimeoutError) as error:
        reason = type(error).__name__
        if not writing or isinstance(error, _BEFORE_WRITING):
            raise Unavailable(f"not reached: {reason}", provider=provider) from None
        raise OutcomeUnknown(f"no answer: {reason}", provider=provider) from None
    return Answer(status=response.status_code, headers=response.headers, body=body)


async def _read(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            break
    return bytes(body[:LARGEST_ANSWER])
