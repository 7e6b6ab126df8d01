"""Messages to and from a worker: four bytes of length, most significant first, then JSON in UTF-8."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

MAX_MESSAGE: Final = 4 * 1024 * 1024

Message = Mapping[str, Any]


def encode(message: Message) -> bytes:
    """A message as it goes over the wire."""
    text = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    return len(text).to_bytes(4) + text


class Channel(asyncio.Protocol):
    """One end of a stream of messages; `lost` is called once, when the other end is gone or does not keep to the form."""

    def __init__(self, receive: Callable[[Message], None], lost: Callable[[], None]) -> None:
        self._receive = receive
        self._lost = lost
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4])
            if size > MAX_MESSAGE:
                self.close()
                return
            if len(self._buffer) < 4 + size:
                return
            text = bytes(self._buffer[4 : 4 + size])
            del self._buffer[: 4 + size]
            try:
                message = json.loads(text)
            except (ValueError, RecursionError):
                message = None
            if not isinstance(message, dict):
                self.close()
                return
            self._receive(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost()

    def send(self, encoded: bytes) -> None:
        """Write a message; nothing happens when the other end is gone, which `lost` tells."""
        if self._transport is not None:
            self._transport.write(encoded)

    def close(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()
