"""Calls the application behind the middleware and reads its answer whole, within bounds.

Whether that application is mounted or `Upstream`, it is called the same way, by flows and for the server's own documents.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import quote, unquote

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope

from hookpoint.proxy.answers import Answer, Headers

# RFC 9110 section 7.2 and 12.5.3; what a call of ours says besides the path.
_ACCEPT = ((b"accept", b"application/json"), (b"accept-encoding", b"identity"), (b"user-agent", b"hookpoint"))

FAILURE: Final = "hookpoint.failure"
"""The member of `http.response.start` that says why the answer is not the server's: the code of an UpstreamError."""

log = structlog.get_logger(__name__)


class CallFailed(Exception):  # noqa: N818 - names the event, as in the logs
    """The application gave no whole answer: `reason` is for operators."""

    code = "call_failed"

    def __init__(self, reason: str, *, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.timed_out = timed_out


async def call(app: ASGIApp, scope: Scope, body: bytes, *, max_body: int, timeout: float) -> Answer:
    """Call an application with a request whose body is here, and return its answer.

    `max_body` is in bytes, `timeout` in seconds for the whole call. Raises CallFailed when the answer is cut off, too large or
    too late, and lets through what the application raises before it has answered.
    """
    reading = _Reading(max_body)
    try:
        async with asyncio.timeout(timeout):
            await app(_private(scope), _receive_once(body), reading.send)
    except TimeoutError:
        raise CallFailed(f"no answer within {timeout:.3g} s", timed_out=True) from None
    except CallFailed:
        raise
    except Exception as error:
        if not reading.started:
            raise
        if not reading.complete:
            raise CallFailed(f"the answer broke off ({type(error).__name__})") from error
        # A mounted framework answers 500 and raises, for its server to log: the answer stands, and the error ends here.
        log.error("application_raised", path=scope["path"], exc_info=error)
    if not reading.complete:
        raise CallFailed("there was no answer, or no end of it")
    return Answer(status=reading.status, headers=reading.headers, body=bytes(reading.body), failure=reading.failure)


def document_request(host: str, scheme: str, path: str, root_path: str) -> Scope:
    """The scope of a GET of hookpoint's own for a document of the server."""
    raw_path = (root_path + path).encode()
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": scheme,
        "path": root_path + path,
        "raw_path": raw_path,
        "query_string": b"",
        "root_path": root_path,
        "headers": [(b"host", host.encode()), *_ACCEPT],
        "client": ("127.0.0.1", 0),
        "server": None,
        "state": {},
    }


def form_request(scope: Scope, path: str, form: bytes, headers: Headers) -> Scope:
    """The scope of a POST of hookpoint's own to an endpoint of the server, while it handles the request of `scope`.

    `path` is below the mount root. `headers` are added to those that any form has; Host stays that of the request.
    """
    fields = [
        *headers,
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"content-length", str(len(form)).encode()),
    ]
    return own_request(scope, "POST", path, fields)


def own_request(scope: Scope, method: str, path: str, headers: Headers, *, query: bytes = b"") -> Scope:
    """The scope of a request of hookpoint's own to the server, while it handles the request of `scope`.

    `path` is below the mount root, as on the wire. Host stays that of the request.
    """
    root = scope.get("root_path", "")
    raw_path = (quote(root) + path).encode()
    return {
        **scope,
        "method": method,
        "path": root + unquote(path),
        "raw_path": raw_path,
        "hookpoint.target": raw_path + (b"?" + query if query else b""),
        "query_string": query,
        "headers": [*(each for each in scope["headers"] if each[0] == b"host"), *headers, *_ACCEPT],
    }


def with_identity_coding(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers of a request whose answer must be readable: only the identity coding is accepted."""
    return [*(each for each in headers if each[0] != b"accept-encoding"), (b"accept-encoding", b"identity")]


def _private(scope: Scope) -> Scope:
    # Extensions of the real connection (push, early hints, sending files) are not ours to offer.
    return {**scope, "extensions": {}}


def _receive_once(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        # The call goes on when the client leaves: what the server did must not be lost on the way.
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    return receive


class _Reading:
    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self.started = False
        self.complete = False
        self.status = 0
        self.failure = ""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            self.failure = message.get(FAILURE, "")
            self.headers = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ())]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")
            if len(self.body) > self._max_body:
                raise CallFailed(f"the answer is larger than {self._max_body} bytes")
            self.complete = not message.get("more_body", False)
