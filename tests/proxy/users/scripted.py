"""A server that answers as a test tells it to, and keeps what it received."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.proxy.e2e.serving import serve_in_thread

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it reached the server."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def members(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer; a body that is no bytes is written as JSON."""

    status: int = 200
    body: object = b""
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        if isinstance(self.body, bytes):
            return Response(self.body, self.status, self.headers)
        headers = {"content-type": "application/json", **self.headers}
        return Response(json.dumps(self.body), self.status, headers)


@dataclass(slots=True, kw_only=True)
class Scripted:
    """The server: `answers` by method and path, 404 elsewhere; `calls` is everything that came, documents left out."""

    answers: dict[str, Said] = field(default_factory=dict)
    calls: list[Received] = field(default_factory=list)

    @property
    def app(self) -> ASGIApp:
        """The server as an ASGI application."""
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=METHODS)])

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        if "/.well-known/" in path or path.endswith("openapi.json"):
            return self.answers.get(f"GET {path}", Said(status=404)).response()
        target = path + (f"?{request.url.query}" if request.url.query else "")
        self.calls.append(
            Received(method=request.method, target=target, headers=dict(request.headers), body=await request.body())
        )
        return self.answers.get(f"{request.method} {path}", Said(status=404)).response()


@contextmanager
def run_scripted(server: Scripted) -> Iterator[str]:
    """Run it; gives its URL."""
    with serve_in_thread(server.app) as url:
        yield url
