"""What the WSGI servers here share: settings from stdin, the secret header, counters, the control door, the ready line."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = "127.0.0.1"


def read_settings() -> dict[str, Any]:
    """Return the first line of stdin as JSON; the process ends when stdin closes, so that it never outlives the tests."""
    settings: dict[str, Any] = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    return settings


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


class Guard:
    """A WSGI application that answers 403 to whoever does not know the secret."""

    def __init__(self, app: WSGIApplication, secret: tuple[str, str], counts: Counter[str]) -> None:
        self.app = app
        self.variable = "HTTP_" + secret[0].upper().replace("-", "_")
        self.value = secret[1]
        self.counts = counts

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        if environ.get(self.variable) == self.value:
            return self.app(environ, start_response)
        self.counts["refused"] += 1
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"direct access is not allowed\n"]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 256


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Leave stderr to errors."""


def bind() -> _Server:
    """Return a server that listens on a free loopback port; give it an application with `set_app`."""
    return _Server((LOOPBACK, 0), _QuietHandler)


def serve(
    server: _Server,
    app: WSGIApplication,
    secret: tuple[str, str],
    counts: Counter[str],
    mails: Sequence[object] = (),
) -> None:
    """Serve `app` behind the guard until the process ends, and tell the parent that it is ready."""
    server.set_app(Guard(app, secret, counts))
    control = open_control(counts, mails)
    print(json.dumps({"url": f"http://{LOOPBACK}:{server.server_port}", "control": control}), flush=True)
    server.serve_forever()


def open_control(counts: Counter[str], mails: Sequence[object] = ()) -> str:
    """Open the side door for tests, and return its URL: /counts, and /mails for what would have been sent."""

    class Control(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(list(mails) if self.path == "/mails" else counts).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Leave stderr to errors."""

    control = ThreadingHTTPServer((LOOPBACK, 0), Control)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    return f"http://{LOOPBACK}:{control.server_port}"
