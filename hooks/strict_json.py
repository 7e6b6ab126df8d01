"""Strict JSON objects that are edited member by member without touching the bytes of the other members.

What two parsers could read differently is refused rather than guessed: duplicate names, byte order marks, encodings
other than UTF-8, NaN and infinities, lone surrogates (RFC 8259 sections 4, 6 and 8; RFC 7493 section 2).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from math import isfinite
from types import MappingProxyType
from typing import Final, Literal, Never, Self

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
# Beyond any key, counter or amount of money; keeps the quadratic cost of int() out of reach.
MAX_INTEGER_DIGITS: Final = 400
_INTEGER_BOUND: Final = 10**MAX_INTEGER_DIGITS

JsonErrorCode = Literal[
    "too_large",
    "not_utf8",
    "byte_order_mark",
    "not_an_object",
    "syntax",
    "too_deep",
    "duplicate_name",
    "number_out_of_range",
    "lone_surrogate",
    "not_json",
]


# Where one member stands in the text: its name's quote, its value's first character, one past its value.
_Span = tuple[int, int, int]


class JsonError(ValueError):
    """A document or a value that is not strict JSON; the text never repeats values of the document.

    `code` is stable. `not_json` is for values given by a caller, all others are for documents.
    """

    def __init__(self, code: JsonErrorCode, message: str) -> None:
        super().__init__(message)
        self.code: Final = code


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonError("duplicate_name", "an object has two members of one name")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_DIGITS:
        raise JsonError("number_out_of_range", f"an integer has more than {MAX_INTEGER_DIGITS} digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not isfinite(number):
        raise JsonError("number_out_of_range", "a number is beyond the range of a double")
    return number


def _constant(name: str) -> Never:
    raise JsonError("syntax", f"{name} is not JSON")


# The scanner itself: one value from a position on, without the Python frame that raw_decode adds to each.
_scan: Callable[[str, int], tuple[object, int]] = json.JSONDecoder(  # type: ignore[attr-defined]
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
).scan_once  # pyright: ignore[reportAttributeAccessIssue]
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode

_SPACE: Final = "[ \t\n\r]*"
_opening = re.compile(rf"{_SPACE}\{{{_SPACE}").match
_colon = re.compile(rf"{_SPACE}:{_SPACE}").match
_comma = re.compile(rf"{_SPACE},{_SPACE}").match
_space = re.compile(_SPACE).match
_surrogate = re.compile(r"\\u[dD][89a-fA-F]").search
# Strings match as a whole, also unterminated ones, so that the scan stays linear and brackets in them do not count.
_structure = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL).finditer


class JsonObject:
    """One strictly parsed JSON object (RFC 8259) that remembers the bytes it came from.

    `members` is the read-only top level. Integers are exact, other numbers are floats.
    """

    __slots__ = ("_max_depth", "_spans", "_text", "members")

    members: Mapping[str, object]

    def __init__(self, text: str, members: dict[str, object], max_depth: int) -> None:
        self._text = text
        self._spans: Mapping[str, _Span] | None = None
        self._max_depth = max_depth
        self.members = MappingProxyType(members)

    @classmethod
    def parse(cls, data: bytes, *, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Self:
        """Parse one object of at most `max_bytes` bytes and `max_depth` levels; raises JsonError."""
        text = _text(data, max_bytes)
        if text.count("{") + text.count("[") > max_depth:
            _check_depth(text, max_depth)
        members = _read_object(text)
        if "\\u" in text and _surrogate(text):
            _check_surrogates(members)
        return cls(text, members, max_depth)

    def edited(self, set: Mapping[str, object], remove: Collection[str] = ()) -> bytes:  # noqa: A002 - reads well
        """Return the object with members replaced, added at the end, or left out.

        Members that are not named keep their bytes and their order; names in `remove` that do not occur are passed
        over. Raises JsonError when a value is not JSON and ValueError when a name is both set and removed.
        """
        if not set and not remove:
            return self._text.encode()
        if clash := [name for name in remove if name in set]:
            raise ValueError(f"members are set and removed at once: {', '.join(sorted(clash))}")
        values = {name: _written(value, self._max_depth - 1) for name, value in set.items()}
        added = [f"{_written(name, 0)}:{value}" for name, value in values.items() if name not in self.members]
        return self._joined(values, remove, added).encode()

    def _joined(self, values: Mapping[str, str], remove: Collection[str], added: Sequence[str]) -> str:
        text = self._text
        if self._spans is None:
            self._spans = _spans(text)
        spans = self._spans
        end = next(iter(spans.values()))[0] if spans else text.index("{") + 1
        pieces = [text[:end]]
        for name, (start, value, stop) in spans.items():
            if name not in remove:
                # A kept member brings the comma before it along, unless it has become the first.
                pieces += (text[end:start] if len(pieces) > 1 else "", text[start:value])
                pieces.append(values[name] if name in values else text[value:stop])
            end = stop
        rest = ",".join(added)
        pieces += (",", rest) if rest and len(pieces) > 1 else (rest,)
        pieces.append(text[end:])
        return "".join(pieces)

    def __repr__(self) -> str:
        return f"JsonObject({', '.join(self.members)})"


def write_json(value: object, *, max_depth: int = MAX_DEPTH) -> bytes:
    """Return a value as compact UTF-8 JSON.

    Takes what JSON has, tuples for lists and any Mapping with string names for objects; anything else, NaN, infinities
    and lone surrogates included, raises JsonError with the code `not_json`.
    """
    return _written(value, max_depth).encode()


def _text(data: bytes, max_bytes: int) -> str:
    if len(data) > max_bytes:
        raise JsonError("too_large", f"the document has more than {max_bytes} bytes")
    if data.startswith(b"\xef\xbb\xbf"):
        raise JsonError("byte_order_mark", "the document begins with a byte order mark")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise JsonError("not_utf8", f"the document is not UTF-8 at byte {error.start}") from None


def _read_object(text: str) -> dict[str, object]:
    opening = _opening(text)
    if opening is None:
        raise JsonError("not_an_object", "the document is not an object")
    try:
        members, end = _scan(text, text.index("{"))
    except json.JSONDecodeError as error:
        raise JsonError("syntax", f"{error.msg} at character {error.pos}") from None
    except StopIteration as error:
        raise JsonError("syntax", f"a value is missing at character {error.value}") from None
    if (rest := _space(text, end)) is not None and rest.end() != len(text):
        raise JsonError("syntax", f"something follows the object at character {rest.end()}")
    assert isinstance(members, dict)
    return members


def _spans(text: str) -> dict[str, _Span]:
    """Where the members of the top level stand, in a text that was parsed before."""
    spans: dict[str, _Span] = {}
    opening = _opening(text)
    assert opening is not None
    start = opening.end()
    while text[start] == '"':
        name, at = _scan(text, start)
        colon = _colon(text, at)
        assert isinstance(name, str)
        assert colon is not None
        value = colon.end()
        _, at = _scan(text, value)
        spans[name] = (start, value, at)
        comma = _comma(text, at)
        if comma is None:
            break
        start = comma.end()
    return spans


def _check_depth(text: str, max_depth: int) -> None:
    depth = 0
    for token in _structure(text):
        if token[0] in "[{":
            depth += 1
            if depth > max_depth:
                raise JsonError("too_deep", f"the document has more than {max_depth} levels")
        elif token[0] in "]}":
            depth -= 1


def _check_surrogates(members: Mapping[str, object]) -> None:
    try:
        _encode(members).encode()
    except UnicodeEncodeError:
        raise JsonError("lone_surrogate", "a string holds half of a surrogate pair") from None


def _written(value: object, max_depth: int) -> str:
    try:
        text = _encode(_plain(value, max_depth))
        text.encode()
    except UnicodeEncodeError:
        raise JsonError("not_json", "a string holds half of a surrogate pair") from None
    return text


def _plain(value: object, levels: int) -> object:
    """Return a value in the types the encoder takes, refusing what it would bend (names that are no strings)."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if abs(value) >= _INTEGER_BOUND:
            raise JsonError("not_json", f"an integer has more than {MAX_INTEGER_DIGITS} digits")
        return value
    if isinstance(value, float):
        if not isfinite(value):
            raise JsonError("not_json", "NaN and infinities are not JSON")
        return value
    if levels == 0 and isinstance(value, Mapping | list | tuple):
        raise JsonError("not_json", "a value has too many levels")
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise JsonError("not_json", "a member name is not a string")
        return {name: _plain(item, levels - 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, levels - 1) for item in value]
    raise JsonError("not_json", f"a value of type {type(value).__name__} is not JSON")
