"""JSON values as hooks see them: read-only, and still accepted by `json.dumps`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Never

from typing_extensions import TypeAliasType

# An alias of its own, so that typing.get_type_hints works on classes that use it, wherever they are.
JsonValue = TypeAliasType(
    "JsonValue", "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)

MAX_DEPTH = 32


class FrozenDict(dict[str, JsonValue]):
    """A dictionary that cannot be changed; `dict(value)` gives a copy that can."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> Never:
        raise TypeError("events are read-only: return your changes from the hook, or copy with dict(...)")

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    clear = _refuse
    pop = _refuse
    popitem = _refuse
    setdefault = _refuse
    update = _refuse

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, JsonValue]]]:
        return FrozenDict, (dict(self),)


def freeze(mapping: Mapping[str, JsonValue]) -> FrozenDict:
    """Return a deeply read-only copy; arrays become tuples. A value frozen before is returned as it is."""
    if isinstance(mapping, FrozenDict):
        return mapping
    return FrozenDict({name: _freeze_value(value) for name, value in mapping.items()})


def _freeze_value(value: JsonValue) -> JsonValue:
    if isinstance(value, (str, int, float)) or value is None:
        return value
    if isinstance(value, Mapping):
        return freeze(value)
    return tuple(_freeze_value(item) for item in value)


def explain_not_json(value: object, *, depth: int = 0) -> str | None:
    """Say why a value cannot be written as JSON (RFC 8259), or return None when it can."""
    if depth > MAX_DEPTH:
        return f"is nested deeper than {MAX_DEPTH} levels"
    if value is None or isinstance(value, (bool, int)):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else "has a number that is not finite"
    if isinstance(value, str):
        return None if _is_unicode(value) else "has text with a lone surrogate"
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            return "has an object with a name that is not text"
        return _first_reason((*value.keys(), *value.values()), depth)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return _first_reason(value, depth)
    return f"has a value of type {type(value).__name__}, which JSON cannot hold"


def _first_reason(values: Iterable[object], depth: int) -> str | None:
    return next(filter(None, (explain_not_json(value, depth=depth + 1) for value in values)), None)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
