"""One connection to a hook: a request goes out in one piece, its answer is read whole.

llhttp reads the answer, and refuses what has two readings. A client that can do everything takes longer for it than the hook does.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import httptools

MAX_ANSWER: Final = 256 * 1024
_MAX_HEAD: Final = 64 * 1024
_MAX_INTERIM: Final = 10
_FRAMING: Final = ("content-length", "transfer-encoding")


class NoAnswer(Exception):  # noqa: N818 - a state
    """Something was written, and no whole answer came back."""


class BadAnswer(Exception):  # noqa: N818 - a verdict
    """An answer that is not read: too large, or compressed, which was not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """An answer, read whole; names of fields are in lower case, and what came several times is one list."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Connection(asyncio.Protocol):
    """Carries one exchange after the other, never two at a time. Bytes that nobody waits for end it."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[RawAnswer] | None = None
        self._keeps = False
        self._lost = False
        self.idle_since = 0.0
        self._fields: dict[str, str] = {}

    async def ask(self, request: bytes, *, head_request: bool = False) -> RawAnswer:
        """Send a request and return its answer; raises NoAnswer and BadAnswer. After any error the connection is closed."""
        self._answer = asyncio.get_running_loop().create_future()
        self._head_request = head_request
        self._received = self._interim = self._size = 0
        self._expect()
        self._keeps = False
        if self._lost:
            raise NoAnswer("the connection was closed")
        self._transport.write(request)
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None

    @property
    def usable(self) -> bool:
        """Whether another request may follow; asks the kernel too, since the loop may not have looked yet."""
        return self._keeps and not self._lost and not self._transport.is_closing() and not self._poll.poll(0)

    def close(self) -> None:
        """Close at once."""
        self._keeps = False
        self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start."""
        self._transport = cast("asyncio.Transport", transport)
        self._poll = select.poll()
        self._poll.register(
            transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLERR | select.POLLHUP
        )

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._answer is None or self._answer.done():
            self.close()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(NoAnswer("it changed the protocol"))
        except httptools.HttpParserError as error:
            self._keeps = False
            self._fail(NoAnswer(f"it answered with something else than HTTP: {error}"))
        if self._answer.done():
            return
        if not self._headers_done and self._received > _MAX_HEAD:
            self._fail(NoAnswer("its header fields are too large"))
        elif (
            self._size > MAX_ANSWER or self._received > 2 * MAX_ANSWER + _MAX_HEAD
        ):  # what frames chunks is counted too
            self._fail(BadAnswer(f"its answer has more than {MAX_ANSWER} bytes"))

    def eof_received(self) -> None:
        """Let an answer end that has no other end."""
        if self._answer is not None and self._headers_done and not any(name in self._fields for name in _FRAMING):
            self._finish(keeps=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._lost = True
        self._fail(NoAnswer(f"{type(exc).__name__}: {exc}" if exc else "it closed the connection"))

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a field, unless it comes behind the body."""
        if not self._headers_done:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            before = self._fields.get(key)
            self._fields[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:
        """An answer to HEAD ends here, whatever it says of a body."""
        if self._parser.get_status_code() >= 200:
            self._headers_done = True
            if self._fields.get("content-encoding", "identity").lower() != "identity":
                self._fail(BadAnswer("its answer is compressed, which was not asked for"))
            elif self._head_request:
                self._finish(keeps=False)

    def on_body(self, body: bytes) -> None:
        """Note a piece, up to what is read at all."""
        self._size += len(body)
        if self._size <= MAX_ANSWER:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """An answer is whole, or an interim one, which another follows."""
        if self._headers_done:
            self._finish(keeps=self._parser.should_keep_alive())
            return
        self._interim += 1
        self._fields = {}
        if self._interim > _MAX_INTERIM:
            self._fail(NoAnswer("it answers and answers"))

    def on_message_begin(self) -> None:
        """Nothing may follow an answer."""
        if self._answer is None or self._answer.done():
            self._keeps = False

    def _expect(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self._headers_done = False
        self._fields = {}
        self._pieces: list[bytes] = []

    def _finish(self, *, keeps: bool) -> None:
        if self._answer is not None and not self._answer.done() and self._size <= MAX_ANSWER:
            status = self._parser.get_status_code()
            self._keeps = keeps
            self._answer.set_result(RawAnswer(status=status, headers=self._fields, body=b"".join(self._pieces)))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
