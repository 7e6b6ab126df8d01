"""JSON pointers (RFC 6901) in parsed bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

ANY_ITEM: Final = "*"


def find_all(value: object, segments: Sequence[str]) -> Iterator[object]:
    """Yield what stands at a pointer: nothing, one value, or with `*` the values in every item of an array."""
    if not segments:
        yield value
        return
    first, *rest = segments
    if isinstance(value, Mapping):
        if first in value:
            yield from find_all(value[first], rest)
    elif isinstance(value, (list, tuple)):
        if first == ANY_ITEM:
            for item in value:
                yield from find_all(item, rest)
        elif first.isdecimal() and first.isascii() and int(first) < len(value):
            yield from find_all(value[int(first)], rest)


def find(value: object, segments: Sequence[str]) -> object:
    """The first value at a pointer that is not null, or None."""
    return next((each for each in find_all(value, segments) if each is not None), None)


def with_value(members: Mapping[str, object], segments: Sequence[str], value: object) -> dict[str, object]:
    """A copy of an object with a value at a pointer; objects on the way are made where they are missing.

    Raises TypeError when something else stands in the way.
    """
    first, *rest = segments
    if not rest:
        return {**members, first: value}
    below = members.get(first, {})
    if not isinstance(below, Mapping):
        raise TypeError(f"{first} is no object")
    return {**members, first: with_value(below, rest, value)}
