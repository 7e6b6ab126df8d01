from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookpoint.proxy.upstream.answer import AnswerReader
from hookpoint.proxy.upstream.errors import AnswerCut, AnswerInvalid
from hookpoint.proxy.upstream.limits import Limits

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SMALL = Limits(header_count=5, header_bytes=300)


def read(data: bytes, sizes: list[int] | None = None, *, head_request: bool = False) -> tuple[AnswerReader, bytes]:
    """Feed an answer in pieces of the given sizes, the rest in one piece."""
    reader = AnswerReader(SMALL, head_request=head_request)
    body = b""
    for size in [*(sizes or []), len(data)]:
        piece, data = data[:size], data[size:]
        if piece:
            body += reader.feed(piece)
    return reader, body


COMPLETE = {
    "length": (OK + b"Content-Length: 4\r\n\r\nbody", b"body", True),
    "empty": (OK + b"Content-Length: 0\r\n\r\n", b"", True),
    "chunked": (CHUNKED + b"2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n", b"body", True),
    "mixed case coding": (OK + b"Transfer-Encoding: Chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", b"body", True),
    "chunk extension": (CHUNKED + b'4;a="b"\r\nbody\r\n0\r\n\r\n', b"body", True),
    "trailers": (CHUNKED + b"4\r\nbody\r\n0\r\nSet-Cookie: a=b\r\n\r\n", b"body", True),
    "close": (OK + b"Connection: Close\r\nContent-Length: 4\r\n\r\nbody", b"body", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", b"body", False),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    "304 with length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", b"", True),
    "informational first": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 10 + OK + b"Content-Length: 4\r\n\r\nbody",
        b"body",
        True,
    ),
}


@pytest.mark.parametrize(("data", "body", "reusable"), COMPLETE.values(), ids=COMPLETE.keys())
@settings(max_examples=30)
@given(sizes=st.lists(st.integers(1, 40)))
def test_answers_end_where_they_end_in_pieces_of_any_size(
    data: bytes, body: bytes, reusable: bool, sizes: list[int]
) -> None:
    reader, got = read(data, sizes)
    assert (got, reader.complete, reader.leftover, reader.reusable) == (body, True, False, reusable)


@pytest.mark.parametrize(("data", "body", "reusable"), COMPLETE.values(), ids=COMPLETE.keys())
@settings(max_examples=30)
@given(sizes=st.lists(st.integers(1, 40)), extra=st.binary(min_size=1, max_size=20))
def test_bytes_behind_an_answer_are_never_taken_for_part_of_it(
    data: bytes, body: bytes, reusable: bool, sizes: list[int], extra: bytes
) -> None:
    reader, got = read(data + extra, sizes)
    assert (got, reader.complete, reader.leftover) == (body, True, True)


@pytest.mark.parametrize(("data", "body", "reusable"), COMPLETE.values(), ids=COMPLETE.keys())
@settings(max_examples=30)
@given(data_=st.data())
def test_a_part_of_an_answer_is_never_complete(data: bytes, body: bytes, reusable: bool, data_: st.DataObject) -> None:
    reader, got = read(data[: data_.draw(st.integers(0, len(data) - 1))])
    assert not reader.complete
    assert body.startswith(got)
    with pytest.raises(AnswerCut):
        reader.feed_eof()


def test_answer_without_length_ends_with_the_connection() -> None:
    reader, body = read(OK + b"\r\nbody")
    assert (body, reader.complete) == (b"body", False)
    reader.feed_eof()
    assert (reader.complete, reader.reusable) == (True, False)


def test_head_request_has_no_body_whatever_the_length_says() -> None:
    reader, body = read(OK + b"Content-Length: 4\r\n\r\n", head_request=True)
    assert (body, reader.complete, reader.leftover) == (b"", True, False)


def test_trailers_are_not_merged_into_the_head() -> None:
    reader, _ = read(CHUNKED + b"0\r\nSet-Cookie: a=b\r\n\r\n")
    assert reader.head is not None
    assert reader.head.fields == [(b"transfer-encoding", b"chunked")]


def test_fields_keep_order_and_duplicates() -> None:
    reader, _ = read(OK + b"Set-Cookie: a=1\r\nX-Y: z\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n")
    assert reader.head is not None
    assert reader.head.fields[:3] == [(b"set-cookie", b"a=1"), (b"x-y", b"z"), (b"set-cookie", b"b=2")]


INVALID = {
    "CL and TE": OK + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE and CL": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "same CL twice": OK + b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
    "two CL": OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
    "CL list": OK + b"Content-Length: 4, 4\r\n\r\nbody",
    "CL sign": OK + b"Content-Length: +4\r\n\r\nbody",
    "CL hexadecimal": OK + b"Content-Length: 0x4\r\n\r\nbody",
    "CL underscore": OK + b"Content-Length: 1_0\r\n\r\nbody",
    "CL empty": OK + b"Content-Length:\r\n\r\nbody",
    "CL huge": OK + b"Content-Length: 99999999999999999999\r\n\r\nbody",
    "CL nineteen digits": OK + b"Content-Length: 9999999999999999999\r\n\r\nbody",
    "gzip, chunked": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked in two lines": OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "xchunked": OK + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity": OK + b"Transfer-Encoding: identity\r\n\r\nbody",
    "TE in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "101": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
    "101 bare": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "informational flood": b"HTTP/1.1 100 Continue\r\n\r\n" * 11,
    "NUL": OK + b"X: a\0b\r\n\r\n",
    "bare CR": OK + b"X: a\rb\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "folded line": OK + b"X: a\r\n b\r\n\r\n",
    "space before colon": OK + b"X : a\r\n\r\n",
    "empty name": OK + b": a\r\n\r\n",
    "control": OK + b"X: a\x01b\r\n\r\n",
    "line break in front": b"\r\n" + OK + b"\r\n",
    "empty head in front": b"\r\n\r\n" + OK + b"\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "status 099": b"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
    "status 600": b"HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
    "no answer at all": b"<html>",
    "too many fields": OK + b"X: a\r\n" * 6 + b"\r\n",
    "too many bytes": OK + b"X: " + b"a" * 300 + b"\r\n\r\n",
    "endless status line": b"HTTP/1.1 200 " + b"a" * 300,
    "chunk size sign": CHUNKED + b"+4\r\nbody\r\n0\r\n\r\n",
    "chunk size space": CHUNKED + b"4 \r\nbody\r\n0\r\n\r\n",
    "chunk size huge": CHUNKED + b"fffffffffffffffff\r\nbody\r\n0\r\n\r\n",
    "chunk without line break": CHUNKED + b"4\r\nbody0\r\n\r\n",
    "line feed in chunk extension": CHUNKED + b"4;a\nbody\r\n0\r\n\r\n",
    "endless chunk extension": CHUNKED + b"4;" + b"a" * 400,
    "length in trailers": CHUNKED + b"0\r\nContent-Length: 4\r\n\r\n",
    "endless trailer": CHUNKED + b"0\r\nX: " + b"a" * 400,
}


@pytest.mark.parametrize("data", INVALID.values(), ids=INVALID.keys())
@settings(max_examples=30)
@given(sizes=st.lists(st.integers(1, 40)))
def test_answers_that_two_parsers_could_read_in_two_ways_are_refused(data: bytes, sizes: list[int]) -> None:
    with pytest.raises(AnswerInvalid):
        read(data, sizes)
