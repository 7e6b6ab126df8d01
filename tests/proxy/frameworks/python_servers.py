"""One Python framework with POST on the token path: `python -m tests.proxy.frameworks.python_servers`.

Settings come as one line of JSON on stdin: framework, path, answer (JSON text). GET /runs tells how often the handler
ran. The process ends when stdin closes.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
from dataclasses import dataclass
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

if TYPE_CHECKING:
    from collections.abc import Callable

LOOPBACK = "127.0.0.1"
FIELDS = {"Content-Type": "application/json", "Cache-Control": "no-store", "X-Handled": "yes"}


@dataclass(slots=True, kw_only=True)
class TokenHandler:
    """What every framework calls for POST on `path`."""

    path: str
    answer: str
    runs: int = 0

    def run(self) -> str:
        self.runs += 1
        return self.answer

    def count(self) -> str:
        return json.dumps({"runs": self.runs})


def announce(port: int) -> None:
    print(json.dumps({"port": port}), flush=True)


def serve_starlette(handler: TokenHandler, http: str) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def token(_: Request) -> Response:
        return Response(handler.run(), headers=FIELDS)

    async def runs(_: Request) -> Response:
        return Response(handler.count())

    app = Starlette(routes=[Route(handler.path, token, methods=["POST"]), Route("/runs", runs)])
    listening = socket.create_server((LOOPBACK, 0))
    announce(listening.getsockname()[1])
    config = uvicorn.Config(app, http="h11" if http == "h11" else "httptools", log_level="error", lifespan="off")
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


def serve_flask(handler: TokenHandler) -> None:
    from flask import Flask, Response
    from werkzeug.serving import make_server as make_werkzeug_server

    app = Flask("frameworks")

    @app.post(handler.path)
    def token() -> Response:
        return Response(handler.run(), headers=FIELDS)

    @app.get("/runs")
    def runs() -> Response:
        return Response(handler.count())

    server = make_werkzeug_server(LOOPBACK, 0, app, threaded=True)
    announce(server.server_port)
    server.serve_forever()


class ThreadedServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: stderr is shown when a server does not start."""


def serve_django(handler: TokenHandler) -> None:
    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    def token(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponse(status=405)
        return HttpResponse(handler.run(), headers=FIELDS)

    def runs(_: HttpRequest) -> HttpResponse:
        return HttpResponse(handler.count())

    urls: Any = type("Urls", (), {"urlpatterns": [path(handler.path[1:], token), path("runs", runs)]})
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=urls,
        LOGGING_CONFIG=None,
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    )
    django.setup()
    server = make_server(LOOPBACK, 0, get_wsgi_application(), server_class=ThreadedServer, handler_class=QuietHandler)
    announce(server.server_port)
    server.serve_forever()


SERVERS: dict[str, Callable[[TokenHandler], None]] = {
    "starlette-h11": lambda handler: serve_starlette(handler, "h11"),
    "starlette-httptools": lambda handler: serve_starlette(handler, "httptools"),
    "flask": serve_flask,
    "django": serve_django,
}


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    SERVERS[settings["framework"]](TokenHandler(path=settings["path"], answer=settings["answer"]))


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
