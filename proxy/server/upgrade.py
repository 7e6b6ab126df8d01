"""Leaving HTTP/1.1: WebSocket is the only protocol that is switched to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable

_UPGRADE_FIELDS = frozenset({b"upgrade", b"http2-settings"})


def head_without_upgrade(method: bytes, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the head of an HTTP/1.1 request as if no upgrade had been asked for (RFC 9110 §7.8 lets us ignore it).

    Clients that try HTTP/2 by upgrade do so with any request, also with those that have a body.
    """
    lines = [method + b" " + target + b" HTTP/1.1"]
    for name, value in headers:
        if name in _UPGRADE_FIELDS:
            continue
        kept = _without_upgrade(value) if name == b"connection" else value
        if kept or name != b"connection":
            lines.append(name + b": " + kept)
    return b"\r\n".join([*lines, b"", b""])


def _without_upgrade(connection: bytes) -> bytes:
    options = (option.strip() for option in connection.split(b","))
    return b", ".join(option for option in options if option.lower() not in _UPGRADE_FIELDS)


def is_handshake_refused(transport: asyncio.Transport) -> bool:
    """Tell whether a connection went to the WebSocket protocol with a head that this could not parse."""
    protocol = transport.get_protocol()
    return isinstance(protocol, WebSocketsSansIOProtocol) and not protocol.handshake_initiated
