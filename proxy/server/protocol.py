"""The HTTP/1.1 protocol of the server: uvicorn's, with checks and deadlines on what clients send."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import httptools
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from hookpoint.proxy.server.answering import Answering
from hookpoint.proxy.server.deadlines import BodyPace, Deadline
from hookpoint.proxy.server.flow import WatchedFlow
from hookpoint.proxy.server.framing import check_headers, check_request_line
from hookpoint.proxy.server.rejection import Rejection
from hookpoint.proxy.server.upgrade import head_without_upgrade, is_handshake_refused

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application
    from uvicorn.server import ServerState

    from hookpoint.proxy.server.configuration import ServerConfig

_FIRST_SEGMENT_BYTES = 256 * 1024  # what may come at once, and may belong to the request before

_logger = structlog.get_logger(__name__)


class Phase(Enum):
    """Which part of a request the next byte belongs to."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


_IDLE, _HEAD, _BODY = Phase.IDLE, Phase.HEAD, Phase.BODY


class GuardedProtocol(HttpToolsProtocol):
    """One client connection; refused requests are answered in JSON and end the connection.

    The scope gets `hookpoint.target`: the request target, byte for byte. Source: RFC 9112 §3, §6, §9.
    """

    def __init__(
        self,
        config: ServerConfig,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Take what uvicorn gives to its protocols."""
        super().__init__(config, server_state, app_state, _loop)
        self.guarded_config = config
        self.limits = config.limits
        self.timeout_keep_alive = self.limits.keep_alive_timeout  # type: ignore[assignment]
        self.phase = _IDLE
        self.answering: RequestResponseCycle | None = None
        self.rejection: Rejection | None = None
        self._refusal: Rejection | None = None
        self._ignoring_upgrade = False
        self._partial_head = 0
        self._segment = 0
        self._trailers = 0
        self._pace = BodyPace(config.limits)
        self._deadline = Deadline(self.loop)
        self._send_deadline = Deadline(self.loop)

    # What the transport calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first request."""
        super().connection_made(transport)
        self.flow = WatchedFlow(transport, self._on_pause, self._on_read)
        self._deadline.start(self.limits.header_timeout, self._on_header_deadline)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every request of this connection that its client has gone."""
        self._stop_clocks()
        if self.answering is not None:
            _disconnect(self.answering)
        for cycle, _ in self.pipeline:
            _disconnect(cycle)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what the client sent; nothing of it counts after a rejection."""
        if self.rejection is not None:
            return
        self._unset_keepalive_if_required()
        if self.phase is _BODY:
            self._pace.add_raw(len(data))
        self._feed(data)

    def pause_writing(self) -> None:
        """Give the client a while to take what is written to it."""
        super().pause_writing()
        if not self._send_deadline.is_running:
            self._send_deadline.start(self.limits.send_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that clock: the client reads."""
        super().resume_writing()
        self._send_deadline.stop()

    # What the server calls

    def shutdown(self) -> None:
        """Finish what is under way, announce the end on answers not yet begun, close when idle for a moment."""
        self.timeout_keep_alive = self.limits.drain_grace  # type: ignore[assignment]
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False
        elif self.phase is _IDLE and not self._is_answering():
            self._deadline.stop()
            self._await_next_request()

    # What the parser calls

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        self.phase = _HEAD
        self._partial_head = 0

    def on_url(self, url: bytes) -> None:
        """Collect the request target."""
        super().on_url(url)
        if len(self.url) > self.limits.target_bytes:
            self._refuse(Rejection(HTTPStatus.REQUEST_URI_TOO_LONG, "The request target is too long."))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header field; trailer fields are counted and dropped (RFC 9110 §6.5.1)."""
        if self.phase is not _HEAD:
            self._trailers += 1
            if self._trailers > self.limits.header_count:
                self._refuse(_headers_too_large())
            return
        name = name.lower()
        if name != b"transfer-encoding":  # where a tab is white space to us (RFC 9110 §5.6.3), but not to the parser
            value = value.rstrip(b" \t")
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the head, then hand the request to the application."""
        version = self.parser.get_http_version()
        method = self.parser.get_method().decode("ascii")
        wants_upgrade = self.parser.should_upgrade()
        try:
            self._check_size()
            check_request_line(method, self.url, version)
            framing = check_headers(self.headers, version)
            to_websocket = wants_upgrade and self._should_upgrade()
            if to_websocket and (method != "GET" or framing.has_body or version != "1.1"):
                raise Rejection(HTTPStatus.BAD_REQUEST, "A WebSocket handshake is a GET without a body.")
        except Rejection as rejection:
            self._refuse(rejection)
        self._deadline.stop()
        if wants_upgrade and not to_websocket:
            self._ignoring_upgrade = True
            return
        if framing.upgrade and not to_websocket:
            self.headers[:] = [(name, value) for name, value in self.headers if name != b"upgrade"]
        self.expect_100_continue = framing.expects_continue
        cast("dict[str, object]", self.scope)["hookpoint.target"] = self.url
        self.phase = _BODY
        self._trailers = 0
        self._pace.begin()
        super().on_headers_complete()
        if self.guarded_config.draining and not to_websocket:
            self.cycle.keep_alive = False

    def _check_size(self) -> None:
        limits = self.limits
        if len(self.headers) > limits.header_count:
            raise _headers_too_large()
        # Only what came in more bytes than the limit needs to be measured.
        if self._partial_head + self._segment > limits.header_bytes:
            size = sum(len(name) + len(value) + 4 for name, value in self.headers)  # ": " and the line's end
            if size > limits.header_bytes:
                raise _headers_too_large()

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body on."""
        self._pace.add_content(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Mark the end of the request body: the only place that does."""
        if self._ignoring_upgrade:
            return
        self.phase = _IDLE
        self._deadline.stop()
        super().on_message_complete()
        if not self.parser.should_upgrade() and not self._is_answering():
            self._await_next_request()

    # What an answer calls

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for it."""
        super().on_response_complete()
        if (self.phase is _IDLE and self.rejection is None) or self.transport.is_closing() or self._is_answering():
            return
        self._unset_keepalive_if_required()
        if self.rejection is not None:
            self._answer_rejection(self.rejection)
        elif self.phase is _HEAD:
            self._deadline.start(self.limits.header_timeout, self._on_header_deadline)
        else:
            # Answered early: what is left of the body is read and dropped, but not for ever (RFC 9112 §9.6).
            self._deadline.start(self.limits.body_timeout, self._hang_up)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.answering = cycle
        super()._start_asgi_task(cycle, Answering(app, cycle, self.guarded_config.expected_failures))

    def _is_answering(self) -> bool:
        return self.answering is not None and not self.answering.response_complete

    # Parsing

    def _feed(self, data: bytes) -> None:
        self._segment = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._reject(self._refusal or _malformed())
        else:
            self._watch()

    def _upgrade(self, rest: bytes) -> None:
        if self._ignoring_upgrade:
            self._ignoring_upgrade = False
            head = head_without_upgrade(self.parser.get_method(), self.url, self.headers)
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self._feed(head + rest)
        elif rest or self._is_answering():
            self._reject(Rejection(HTTPStatus.BAD_REQUEST, "A WebSocket handshake must stand alone."))
        else:
            self._stop_clocks()
            self.handle_websocket_upgrade()
            if is_handshake_refused(self.transport):
                self.transport.write(_headers_too_large().render())
                self.transport.close()

    def _watch(self) -> None:
        if self.phase is _BODY:
            self._watch_body()
        elif self.phase is _HEAD and self._is_head_too_large():
            self._reject(_headers_too_large())
        elif not self._deadline.is_running and not self._is_answering() and self.timeout_keep_alive_task is None:
            # Empty lines before a request count as a part of it: they must not hold a connection open.
            self._deadline.start(self.limits.header_timeout, self._on_header_deadline)

    def _is_head_too_large(self) -> bool:
        self._partial_head += self._segment
        return self._partial_head > self.limits.target_bytes + self.limits.header_bytes + _FIRST_SEGMENT_BYTES

    def _watch_body(self) -> None:
        if self._pace.is_mostly_framing:
            self._reject(Rejection(HTTPStatus.BAD_REQUEST, "There is more framing than content."))
        elif not self._deadline.is_running and not self.flow.read_paused and not self.cycle.waiting_for_100_continue:
            self._start_body_window()

    # Refusing

    def _refuse(self, rejection: Rejection) -> None:
        """Stop the parser from within one of its callbacks: exceptions do not come through it as they are."""
        self._refusal = rejection
        raise rejection

    def _reject(self, rejection: Rejection) -> None:
        self.rejection = rejection
        self._deadline.stop()
        self._unset_keepalive_if_required()
        client = self.client[0] if self.client else None
        _logger.info("request_rejected", status=rejection.status.value, reason=rejection.description, client=client)
        if self.phase is _BODY:
            self._abandon_request(rejection)
        elif not self._is_answering():
            self._answer_rejection(rejection)
        else:
            self.flow.pause_reading()

    def _abandon_request(self, rejection: Rejection) -> None:
        """Part with a request whose body went wrong: its application learns that the client has gone."""
        if self.cycle is not self.answering:
            self.pipeline.popleft()
            if not self._is_answering():
                self._answer_rejection(rejection)
            return
        started = self.cycle.response_started
        _disconnect(self.cycle)
        if started:
            self._hang_up()
        else:
            self._answer_rejection(rejection)

    def _answer_rejection(self, rejection: Rejection) -> None:
        self.transport.write(rejection.render(with_body=self.parser.get_method() != b"HEAD"))
        if self.transport.can_write_eof():
            # Closing with unread data would reset the connection and take the answer with it (RFC 9112 §9.6).
            self.transport.write_eof()
            self.flow.resume_reading()
            self._deadline.start(self.limits.linger, self.transport.abort)
        else:
            self.transport.close()

    def _hang_up(self) -> None:
        self.transport.close()

    # Clocks

    def _stop_clocks(self) -> None:
        self._deadline.stop()
        self._send_deadline.stop()
        self._unset_keepalive_if_required()

    def _await_next_request(self) -> None:
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _on_header_deadline(self) -> None:
        if self.phase is _HEAD:
            self._reject(Rejection(HTTPStatus.REQUEST_TIMEOUT, "The request headers came too slowly."))
        else:
            self.transport.close()

    def _on_read(self) -> None:
        if self.phase is _BODY and not self._deadline.is_running and self.rejection is None:
            self._start_body_window()

    def _on_pause(self) -> None:
        if self.phase is _BODY:
            self._deadline.stop()

    def _start_body_window(self) -> None:
        self._pace.begin_window()
        self._deadline.start(self.limits.body_timeout, self._end_body_window)

    def _end_body_window(self) -> None:
        if self._pace.is_too_slow:
            self._reject(Rejection(HTTPStatus.REQUEST_TIMEOUT, "The request body came too slowly."))
        else:
            self._start_body_window()


def _headers_too_large() -> Rejection:
    return Rejection(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The request headers are too large.")


def _malformed() -> Rejection:
    return Rejection(HTTPStatus.BAD_REQUEST, "This is not a well-formed HTTP/1.1 request.")


def _disconnect(cycle: RequestResponseCycle) -> None:
    if not cycle.response_complete:
        cycle.disconnected = True
    cycle.waiting_for_100_continue = False  # nothing may be written to ask for a body
    cycle.message_event.set()
