"""Reading an answer: llhttp reads the lines, the decisions where it ends are ours (RFC 9112 section 6).

Servers hand bytes to a connection in pieces of any size, so feeding an answer in one piece or byte by byte gives the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import httptools

from hookpoint.proxy.upstream.errors import AnswerCut, AnswerInvalid
from hookpoint.proxy.upstream.framing import Coding, answer_framing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hookpoint.proxy.upstream.limits import Limits

_MAX_INFORMATIONAL = 10
_HEAD_END = b"\r\n\r\n"


class _LineParser(Protocol):
    """The part of httptools.HttpResponseParser used here."""

    def feed_data(self, data: bytes, /) -> None: ...

    def get_status_code(self) -> int: ...

    def get_http_version(self) -> str: ...


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """Status and header fields of a final answer; names are in lower case, order and duplicates as sent."""

    status: int
    fields: Sequence[tuple[bytes, bytes]]


class AnswerReader:
    """Reads one answer out of the bytes of a connection.

    `head` is set once the final answer's fields are complete, `complete` once its body is, `leftover` when more bytes came
    than the answer has, `reusable` when another request may follow.
    """

    __slots__ = (
        "_body_pieces",
        "_fields",
        "_framing",
        "_head_bytes",
        "_head_request",
        "_headers_done",
        "_informational",
        "_limits",
        "_overhead",
        "_parser",
        "_tail",
        "complete",
        "head",
        "leftover",
        "reusable",
    )

    def __init__(self, limits: Limits, *, head_request: bool = False) -> None:
        self._limits = limits
        self._head_request = head_request
        self._informational = 0
        self.head: AnswerHead | None = None
        self.complete = False
        self.leftover = False
        self.reusable = False
        self._framing: int | Coding = 0
        self._overhead = 0
        self._body_pieces: list[bytes] = []
        self._expect_head()

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes and return what they hold of the body; raises AnswerInvalid."""
        while self.head is None:
            data = self._feed_head(data)
            if not data:
                return b""
        if self.complete:
            self.leftover = self.leftover or bool(data)
            return b""
        if self._framing is Coding.CHUNKED:
            return self._feed_chunks(data)
        if self._framing is Coding.UNTIL_CLOSE:
            return data
        return self._feed_counted(data, self._framing)

    def feed_eof(self) -> None:
        """Take the end of the connection; raises AnswerCut unless the answer ends with it."""
        if self.complete:
            return
        if self.head is None or self._framing is not Coding.UNTIL_CLOSE:
            raise AnswerCut("the connection was closed before the answer was complete")
        self._finish()

    def _expect_head(self) -> None:
        self._fields: list[tuple[bytes, bytes]] = []
        self._headers_done = False
        self._head_bytes = 0
        self._tail = b""
        self._parser: _LineParser | None = httptools.HttpResponseParser(self)

    def _feed_head(self, data: bytes) -> bytes:
        """Feed the parser no further than the empty line, so that it never decides about a body."""
        if not self._head_bytes and not data.startswith(b"H"):
            raise AnswerInvalid("something else than an answer")  # the parser would skip line breaks
        end = (self._tail + data).find(_HEAD_END) if self._tail else data.find(_HEAD_END)
        stop = len(data) if end < 0 else end + len(_HEAD_END) - len(self._tail)
        self._head_bytes += stop
        if self._head_bytes > self._limits.header_bytes:
            raise AnswerInvalid("header fields too large")
        self._feed_parser(data[:stop])
        if end < 0:
            self._tail = (self._tail + data)[-3:]
            return b""
        self._finish_head()
        return data[stop:]

    def _finish_head(self) -> None:
        parser = self._parser
        if parser is None or not self._headers_done:
            raise AnswerInvalid("an empty line within the head")
        status, version = parser.get_status_code(), parser.get_http_version()
        if version not in ("1.0", "1.1") or not 100 <= status <= 599:
            raise AnswerInvalid("unknown version or status")
        if status < 200:
            self._informational += 1
            if status == 101:
                raise AnswerInvalid("101 though no upgrade was asked for")
            if self._informational > _MAX_INFORMATIONAL:
                raise AnswerInvalid("too many informational answers")
            self._expect_head()
            return
        self._framing, self.reusable = answer_framing(status, version, self._fields, head_request=self._head_request)
        self.head = AnswerHead(status, self._fields)
        self._tail = b""
        if self._framing == 0:
            self._finish()

    def _feed_counted(self, data: bytes, remaining: int) -> bytes:
        if len(data) < remaining:
            self._framing = remaining - len(data)
            return data
        self._finish()
        if len(data) == remaining:
            return data
        self.leftover = True
        return data[:remaining]

    def _feed_chunks(self, data: bytes) -> bytes:
        self._tail = data[-5:] if len(data) >= 5 else (self._tail + data)[-5:]
        self._feed_parser(data)
        body = self._body_pieces[0] if len(self._body_pieces) == 1 else b"".join(self._body_pieces)
        self._body_pieces.clear()
        # Chunk extensions and trailers without end carry nothing but cost.
        self._overhead = 0 if body else self._overhead + len(data)
        if self._overhead > self._limits.header_bytes:
            raise AnswerInvalid("chunk extensions or trailers too large")
        if self.complete:
            # The parser skips line breaks between messages; here they are bytes nobody asked for.
            self.leftover = self.leftover or self._tail[1:] != _HEAD_END or self._tail[:1] in (b"\r", b"\n")
            self._finish()
        return body

    def _feed_parser(self, data: bytes) -> None:
        if self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise AnswerInvalid("101 though no upgrade was asked for") from None
        except httptools.HttpParserError as error:
            if self.complete:
                self.leftover = True
                return
            cause = error.__context__
            raise cause if isinstance(cause, AnswerInvalid) else AnswerInvalid(str(error)) from None

    def _finish(self) -> None:
        self.complete = True
        self._parser = None

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Refuse a second answer behind the first."""
        if self.complete:
            self.leftover = True
            raise AnswerInvalid("bytes behind the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a field; trailers are dropped, never merged into the head (RFC 9110 section 6.5.1)."""
        if self._headers_done:
            return
        if len(self._fields) >= self._limits.header_count:
            raise AnswerInvalid("too many header fields")
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Note that the parser saw the end of the head as we did."""
        self._headers_done = True

    def on_body(self, body: bytes) -> None:
        """Collect a piece of a chunked body."""
        self._body_pieces.append(body)

    def on_message_complete(self) -> None:
        """Note the end of a chunked body; elsewhere the end is counted by us."""
        if self.head is not None:
            self.complete = True
