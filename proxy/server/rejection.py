"""The answer to a request that the server refuses before any application sees it."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import ClassVar


class Rejection(Exception):  # noqa: N818 - an answer rather than a fault of ours
    """A request is refused: `status` and `description` go to the client, then the connection closes."""

    code: ClassVar[str] = "request_rejected"

    def __init__(self, status: HTTPStatus, description: str) -> None:
        """Keep the answer; the description is fixed text and never holds what the client sent."""
        super().__init__(description)
        self.status = status
        self.description = description

    def render(self, *, with_body: bool = True) -> bytes:
        """Return the whole answer as it goes on the wire."""
        return render_error(self.status, "invalid_request", self.description, with_body=with_body)


def error_body(error: str, description: str) -> bytes:
    """Return the JSON of an OAuth error (RFC 6749 §5.2)."""
    return json.dumps({"error": error, "error_description": description}).encode()


def render_error(status: HTTPStatus, error: str, description: str, *, with_body: bool) -> bytes:
    """Return an error answer that closes the connection; without its body when it answers a HEAD (RFC 9110 §9.3.2)."""
    body = error_body(error, description)
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "content-type: application/json\r\n"
        f"content-length: {len(body)}\r\n"
        "cache-control: no-store\r\n"
        "connection: close\r\n"
        "\r\n"
    )
    return head.encode("ascii") + (body if with_body else b"")
