"""What can go wrong between the client and the upstream.

UpstreamError
├── RequestRefused        the request cannot be forwarded as it is (400)
│   ├── MethodRefused     TRACE and CONNECT (405)
│   ├── CodingRefused     a transfer coding other than chunked (501)
│   ├── LoopDetected      the request has been here before (508)
│   └── ClientTooSlow     the client stopped sending its body (408)
├── ConnectFailed         no connection to the upstream (502)
├── ConnectTimedOut       no connection to the upstream in time (504)
├── PoolExhausted         every connection is in use and the queue is full or slow (503)
├── AnswerTimedOut        the upstream did not answer in time (504)
├── AnswerInvalid         the upstream's answer breaks RFC 9112 or a limit (502)
├── AnswerCut             the upstream closed the connection before its answer was complete (502)
└── UpstreamBroken        any of these after the answer had begun; the client's connection must break too

`description` is for clients; the text of the exception is for operators.
"""

# ruff: noqa: N818 - named after what happened, as the log events are

from __future__ import annotations

from typing import ClassVar


class UpstreamError(Exception):
    """Base of all errors of this package; `code` is stable and fit for logs and alerts."""

    code: ClassVar[str] = "upstream_error"
    status: ClassVar[int] = 502
    error: ClassVar[str] = "server_error"
    description: ClassVar[str] = "The authorization server could not be reached."
    headers: ClassVar[tuple[tuple[bytes, bytes], ...]] = ()


class RequestRefused(UpstreamError):
    """The request cannot be forwarded without changing what it means."""

    code = "request_refused"
    status = 400
    error = "invalid_request"
    description = "The request is malformed."


class MethodRefused(RequestRefused):
    """TRACE shows a client what the proxy added, CONNECT opens tunnels (RFC 9110 section 9.3)."""

    code = "method_refused"
    status = 405
    description = "The method is not allowed."
    headers = ((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),)


class CodingRefused(RequestRefused):
    """A transfer coding that is not understood ends in 501 (RFC 9112 section 6.1)."""

    code = "coding_refused"
    status = 501
    description = "The transfer coding is not supported."


class LoopDetected(RequestRefused):
    """Via names this proxy already (RFC 9110 section 7.6.3, RFC 5842 section 7.2)."""

    code = "loop_detected"
    status = 508
    error = "server_error"
    description = "The request came back to where it started."


class ClientTooSlow(RequestRefused):
    """The client stopped sending its body (RFC 9110 section 15.5.9)."""

    code = "client_too_slow"
    status = 408
    description = "The request body did not arrive in time."
    headers = ((b"connection", b"close"),)


class ConnectFailed(UpstreamError):
    """No connection to the upstream: refused, unreachable, unknown name, or TLS failed."""

    code = "connect_failed"


class ConnectTimedOut(UpstreamError):
    """No connection to the upstream in time."""

    code = "connect_timed_out"
    status = 504
    error = "temporarily_unavailable"
    description = "The authorization server did not answer in time."


class PoolExhausted(UpstreamError):
    """Every connection is in use, and the queue for one is full or was too slow."""

    code = "pool_exhausted"
    status = 503
    error = "temporarily_unavailable"
    description = "The authorization server is busy."
    headers = ((b"retry-after", b"1"),)


class AnswerTimedOut(UpstreamError):
    """The upstream did not take the request or did not answer in time."""

    code = "answer_timed_out"
    status = 504
    error = "temporarily_unavailable"
    description = "The authorization server did not answer in time."


class AnswerInvalid(UpstreamError):
    """The upstream's answer breaks RFC 9112 or a limit."""

    code = "answer_invalid"
    description = "The authorization server gave an invalid answer."


class AnswerCut(UpstreamError):
    """The upstream closed the connection before its answer was complete."""

    code = "answer_cut"
    description = "The authorization server gave an incomplete answer."


class UpstreamBroken(UpstreamError):
    """The answer cannot be completed after it began; `cause` says why.

    It leaves the app so that the server breaks the client's connection: a well-formed end would pass a part of an answer
    off as the whole (RFC 9112 section 8).
    """

    code = "upstream_broken"

    def __init__(self, cause: UpstreamError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class ClientGone(Exception):  # nothing went wrong; there is only nobody left to answer
    """The client left before its answer was complete."""

    code: ClassVar[str] = "client_gone"
