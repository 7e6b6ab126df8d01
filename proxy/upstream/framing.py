"""Where a message body ends: the rules of RFC 9112 section 6, in their strictest reading."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from hookpoint.proxy.upstream.errors import AnswerInvalid, CodingRefused, RequestRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Header = tuple[bytes, bytes]

# 2^63 - 1 has nineteen digits; a parser that counts in 64 bits would overflow beyond.
_MAX_DIGITS = 18
_FRAMING_NAMES = frozenset([b"content-length", b"transfer-encoding", b"connection"])


class Coding(Enum):
    """A body whose length is not known beforehand."""

    CHUNKED = "chunked"
    UNTIL_CLOSE = "until_close"


class MalformedLengthError(ValueError):
    """Content-Length is repeated, a list, or not plain digits (RFC 9110 section 8.6)."""


def content_length(values: Sequence[bytes]) -> int | None:
    """Return the one Content-Length as an integer, None without the field; raises MalformedLengthError."""
    if not values:
        return None
    value = values[0]
    # int() would take "+1", "1_0" and digits of other scripts.
    if len(values) > 1 or not value.isdigit() or len(value) > _MAX_DIGITS:
        raise MalformedLengthError
    return int(value)


def request_framing(headers: Iterable[Header]) -> int | Coding | None:
    """Return how the client's server framed the body: its length, chunked, or None where no field says anything.

    Raises RequestRefused: servers differ in what they let through, and two readings of one request are a way in.
    """
    lengths, codings, _ = _framing_fields(headers)
    if codings:
        if lengths:
            raise RequestRefused("Content-Length and Transfer-Encoding together")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise CodingRefused("a transfer coding other than chunked")
        return Coding.CHUNKED
    try:
        return content_length(lengths)
    except MalformedLengthError:
        raise RequestRefused("several or malformed Content-Length") from None


def answer_framing(
    status: int, version: str, headers: Iterable[Header], *, head_request: bool
) -> tuple[int | Coding, bool]:
    """Return where an answer's body ends, and whether the connection may be used again after it.

    `version` is "1.0" or "1.1". Raises AnswerInvalid for every framing that two parsers could read in two ways.
    """
    lengths, codings, options = _framing_fields(headers)
    if codings:
        if lengths:
            raise AnswerInvalid("Content-Length and Transfer-Encoding together")
        if version != "1.1":
            raise AnswerInvalid("Transfer-Encoding in HTTP/1.0")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise AnswerInvalid("a transfer coding other than chunked")
    try:
        length = content_length(lengths)
    except MalformedLengthError:
        raise AnswerInvalid("several or malformed Content-Length") from None
    reusable = version == "1.1" and not _says_close(options)
    if head_request or status in (204, 304):
        return 0, reusable
    if codings:
        return Coding.CHUNKED, reusable
    if length is None:
        return Coding.UNTIL_CLOSE, False
    return length, reusable


def _framing_fields(headers: Iterable[Header]) -> tuple[list[bytes], list[bytes], list[bytes]]:
    lengths: list[bytes] = []
    codings: list[bytes] = []
    options: list[bytes] = []
    for name, value in headers:
        if name in _FRAMING_NAMES:
            {b"content-length": lengths, b"transfer-encoding": codings, b"connection": options}[name].append(value)
    return lengths, codings, options


def _says_close(options: Iterable[bytes]) -> bool:
    return any(name.strip() == b"close" for option in options for name in option.lower().split(b","))
