"""Listening sockets."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from hookpoint.proxy.server.errors import ListenError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address to listen on; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return `host:port`, with brackets around IPv6 addresses (RFC 3986 §3.2.2)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def bind(endpoint: Endpoint) -> socket.socket:
    """Return a bound socket that child processes may inherit; ListenError says why there is none."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise ListenError(f"cannot listen on {endpoint}: {error.strerror or error}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Listening at once makes a port that is in use an error here, and not in a worker.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise ListenError(f"cannot listen on {endpoint}: {reason}") from error
    listener.setblocking(False)
    return listener


def endpoint_of(listener: socket.socket) -> Endpoint:
    """Return where a socket really listens."""
    host, port = listener.getsockname()[:2]
    return Endpoint(str(host), int(port))
