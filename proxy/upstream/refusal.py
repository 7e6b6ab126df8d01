"""How the proxy itself answers when the upstream cannot: JSON as RFC 6749 section 5.2 has it, without any internals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Send

    from hookpoint.proxy.upstream.errors import UpstreamError


async def refuse(send: Send, error: UpstreamError, *, event: str = "http.response") -> None:
    """Answer an error; `event` is "websocket.http.response" for a handshake that is denied."""
    body = json.dumps({"error": error.error, "error_description": error.description}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *error.headers,
    ]
    start = {"type": f"{event}.start", "status": error.status, "headers": headers, "hookpoint.failure": error.code}
    await send(start)
    await send({"type": f"{event}.body", "body": body, "more_body": False})
