"""Events as JSON: what `hooks test --event` reads."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from hookpoint.hooks.json import NotJsonError, freeze

T = TypeVar("T")


class EventFormatError(ValueError):
    """JSON that is no event of its point; the message names the member and what belongs there."""


def event_to_json(event: object) -> dict[str, Any]:
    """An event as JSON-ready members, without the hook's secrets."""
    return {each.name: _to_json(getattr(event, each.name)) for each in fields(event) if each.name != "secrets"}  # type: ignore[arg-type]


def event_from_json(kind: type[T], data: object, *, where: str = "event") -> T:
    """Build an event (or a part of one) of a class from JSON members; raises EventFormatError."""
    if not isinstance(data, Mapping):
        raise EventFormatError(f"{where} is {_named(data)}; it must be an object.")
    hints = _hints_of(kind)
    known = {each.name: each for each in fields(kind) if each.name != "secrets"}  # type: ignore[arg-type]
    for name in data:
        if name not in known:
            nearest = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}."
            raise EventFormatError(f"{where} has an unknown member {name!r}; {hint}")
    for name, each in known.items():
        if name not in data and each.default is MISSING and each.default_factory is MISSING:
            raise EventFormatError(f"{where} lacks {name!r}.")
    return kind(**{name: _from_json(hints[name], value, f"{where}.{name}") for name, value in data.items()})


# What the members of a class are; finding that for each event would cost more than reading it does.
_HINTS: dict[type[object], dict[str, Any]] = {}


def _hints_of(kind: type[object]) -> dict[str, Any]:
    hints = _HINTS.get(kind)
    if hints is None:
        hints = _HINTS[kind] = get_type_hints(kind)
    return hints


def _to_json(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return event_to_json(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return value


def _from_json(hint: Any, value: object, where: str) -> object:
    options = [each for each in get_args(hint) if each is not type(None)]
    if type(None) in get_args(hint):
        return None if value is None else _from_json(options[0], value, where)
    origin = get_origin(hint) or hint
    if is_dataclass(hint):
        return event_from_json(hint, value, where=where)  # type: ignore[arg-type]
    if origin in (frozenset, tuple):
        if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
            return origin(value)
        raise EventFormatError(f"{where} is {_named(value)}; it must be an array of texts.")
    if hint is datetime:
        return parse_time(value, where)
    if hint in (str, bool) and type(value) is not hint:
        raise EventFormatError(
            f"{where} is {_named(value)}; it must be {'a text' if hint is str else 'true or false'}."
        )
    if origin is Mapping:
        if not isinstance(value, Mapping):
            raise EventFormatError(f"{where} is {_named(value)}; it must be an object.")
        try:
            return freeze(value)
        except NotJsonError as error:
            raise EventFormatError(f"{where} {error}.") from None
    if options and all(isinstance(each, str) for each in options) and value not in options:
        raise EventFormatError(f"{where} must be one of {', '.join(options)}.")
    return value


def parse_time(value: object, where: str) -> datetime:
    """A time with its zone, of ISO 8601 text; raises EventFormatError."""
    try:
        time = datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise EventFormatError(f'{where} is no time; write "2026-01-31T12:00:00+00:00".') from None
    if time.tzinfo is None:
        raise EventFormatError(f'{where} has no time zone; write "{time.isoformat()}+00:00".')
    return time


def _named(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)
