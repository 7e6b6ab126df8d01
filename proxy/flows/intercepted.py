"""Reads an intercepted request whole, and tells hooks about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Message, Receive, Scope

from hookpoint.hooks import Client, Request
from hookpoint.proxy.answers import Headers
from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.upstream import clients

# What content delivery networks and load balancers say of the place a request came from; believed from trusted proxies only.
_GEO_HEADERS: Mapping[bytes, str] = {
    b"cf-ipcountry": "country",
    b"cf-ipcity": "city",
    b"cf-region": "region",
    b"cf-timezone": "time_zone",
    b"cloudfront-viewer-country": "country",
    b"cloudfront-viewer-city": "city",
    b"cloudfront-viewer-country-region-name": "region",
    b"cloudfront-viewer-time-zone": "time_zone",
    b"x-appengine-country": "country",
    b"x-appengine-city": "city",
    b"x-appengine-region": "region",
    b"x-vercel-ip-country": "country",
    b"x-vercel-ip-city": "city",
    b"x-vercel-ip-country-region": "region",
    b"x-vercel-ip-timezone": "time_zone",
    b"x-geo-country": "country",
    b"x-geo-city": "city",
    b"x-geo-region": "region",
}


class ClientLeft(Exception):  # noqa: N818 - an event, not a failure of ours
    """The client went away before its request was complete."""


async def read_body(receive: Receive, *, max_bytes: int, timeout: float) -> bytes:
    """Read the body of a request; raises BodyRefused when it is too large or too slow, ClientLeft when it breaks off."""
    body = bytearray()
    try:
        async with asyncio.timeout(timeout):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientLeft
                body += message.get("body", b"")
                if len(body) > max_bytes:
                    raise BodyRefused(f"The body is larger than {max_bytes} bytes.", status=413)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise BodyRefused(f"The body did not arrive within {timeout:.3g} seconds.", status=408) from None


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read already, and then what the connection gives."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownClient:
    """What the configuration says of a client."""

    name: str = ""
    metadata: Mapping[str, str] | None = None


class Directory:
    """Turns a client id into what hooks are told of the client."""

    def __init__(self, clients: Mapping[str, KnownClient]) -> None:
        self._clients = {
            client_id: Client(id=client_id, name=known.name, metadata=known.metadata or {})
            for client_id, known in clients.items()
        }

    def client(self, client_id: str) -> Client:
        """The client; with its id alone when the configuration does not know it."""
        return self._clients.get(client_id) or Client(id=client_id)


def describe_request(scope: Scope, caller: clients.Client, request_id: str) -> Request:
    """What hooks are told of the HTTP request; `caller` is whom trusted proxies say it came from."""
    headers: Headers = scope["headers"]
    return Request(
        id=request_id,
        method=scope["method"],
        hostname=caller.host or "",
        ip=caller.ip or "",
        user_agent=_first(headers, b"user-agent"),
        language=_first(headers, b"accept-language").partition(",")[0].partition(";")[0].strip(),
        geo=_geo(headers) if caller.trusted else {},
    )


def _first(headers: Headers, name: bytes) -> str:
    return next((value.decode("latin-1") for each, value in headers if each == name), "")


def _geo(headers: Headers) -> Mapping[str, str]:
    return {_GEO_HEADERS[name]: value.decode("latin-1") for name, value in headers if name in _GEO_HEADERS}
