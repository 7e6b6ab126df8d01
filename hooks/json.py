"""JSON values as hooks see them: read-only, and still accepted by `json.dumps`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Never

from typing_extensions import TypeAliasType

# An alias of its own, so that typing.get_type_hints works on classes that use it, wherever they are.
JsonValue = TypeAliasType(
    "JsonValue", "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)

MAX_DEPTH = 31  # the object that holds a value is one level more
MAX_VALUES = 10_000
MAX_INTEGER_DIGITS = 400
_INTEGER_BOUND = 10**MAX_INTEGER_DIGITS


class NotJsonError(ValueError):
    """A value that cannot be written as JSON (RFC 8259), or not within bounds; the text continues "which ..."."""


class FrozenDict(dict[str, JsonValue]):
    """A dictionary of JSON values that cannot be changed, nor what is in it; `dict(value)` gives a copy that can.

    Built as `dict` is; raises NotJsonError for what is not JSON.
    """

    __slots__ = ()

    def __init__(self, *mapping: Any, **members: Any) -> None:
        super().__init__(_Copier(math.inf).members(dict(*mapping, **members), 0))

    def _refuse(self, *_: object, **__: object) -> Never:
        raise TypeError("events are read-only: return your changes from the hook, or copy with dict(...)")

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    clear = _refuse
    pop = _refuse
    popitem = _refuse
    setdefault: Any = _refuse
    update: Any = _refuse

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, JsonValue]]]:
        return FrozenDict, (dict(self),)


def freeze(mapping: Mapping[str, JsonValue]) -> FrozenDict:
    """Return a deeply read-only copy; arrays become tuples. What is frozen already is returned as it is.

    Raises NotJsonError for what is not JSON.
    """
    return mapping if type(mapping) is FrozenDict else copy_members(mapping, max_values=math.inf)


def copy_members(mapping: Mapping[Any, object], *, max_values: float = MAX_VALUES) -> FrozenDict:
    """Return a deeply read-only copy of an object, of plain types only and with each value read once.

    Subclasses of `str`, `dict` and so on may say one thing when they are checked and another when they are written; in the copy
    there are none. Raises NotJsonError, also for more than `max_values` values and for arrays that contain themselves.
    """
    return _frozen(_Copier(max_values).members(mapping, 0))


def copy_text(text: str) -> str:
    """Return a text as a plain `str`; raises NotJsonError for lone surrogates, which UTF-8 cannot hold."""
    plain = str.__str__(text)
    try:
        plain.encode()
    except UnicodeEncodeError:
        raise NotJsonError("has text with a lone surrogate") from None
    return plain


def _frozen(members: dict[str, JsonValue]) -> FrozenDict:
    frozen = FrozenDict.__new__(FrozenDict)
    dict.update(frozen, members)
    return frozen


class _Copier:
    """Copies one tree of values, and counts them: a few shared lists can stand for more values than there are atoms."""

    def __init__(self, max_values: float) -> None:
        self._max_values = max_values
        self._count = 0

    def members(self, mapping: Mapping[Any, object], depth: int) -> dict[str, JsonValue]:
        copied: dict[str, JsonValue] = {}
        for name, value in mapping.items():
            if not isinstance(name, str):
                raise NotJsonError("has an object with a name that is not text")
            copied[copy_text(name)] = self._value(value, depth)
        return copied

    def _value(self, value: object, depth: int) -> JsonValue:
        self._count += 1
        if self._count > self._max_values:
            raise NotJsonError(f"has more than {self._max_values} values")
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return copy_text(value)
        if isinstance(value, (int, float)):
            return _number(value)
        if depth == MAX_DEPTH:
            raise NotJsonError(f"is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return _frozen(self.members(value, depth + 1))
        if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
            return tuple([self._value(item, depth + 1) for item in value])
        raise NotJsonError(f"has a value of type {type(value).__name__}, which JSON cannot hold")


def _number(number: float) -> float:
    if isinstance(number, int):
        whole = int.__int__(number)
        if abs(whole) >= _INTEGER_BOUND:
            raise NotJsonError(f"has an integer of more than {MAX_INTEGER_DIGITS} digits")
        return whole
    real = float.__float__(number)
    if not math.isfinite(real):
        raise NotJsonError("has a number that is not finite")
    return real
