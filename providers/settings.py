"""Settings of a provider: a mapping from the configuration becomes a checked dataclass, all problems at once."""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from hookpoint.providers.errors import Misconfigured

T = TypeVar("T")


def setting(
    description: str,
    *,
    default: Any = dataclasses.MISSING,
    key: str = "",
    secret: bool = False,
    path: bool = False,
) -> Any:
    """Declare one setting.

    ``key`` is its name in the configuration, where that is no Python name. Secrets never print. A ``path`` that is relative
    starts at the folder of the configuration.
    """
    metadata = {"description": description, "key": key, "secret": secret, "path": path}
    return dataclasses.field(default=default, repr=not secret, metadata=metadata)


def fields(kind: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    """The settings that ``kind`` knows, by their name in the configuration."""
    return {field.metadata.get("key") or field.name: field for field in dataclasses.fields(kind)}


def read(kind: type[T], values: Mapping[str, object], *, provider: str) -> T:
    """Build ``kind`` from a mapping.

    Raises:
        Misconfigured: ``problems`` names every unknown, missing and wrong setting; no value is repeated.
    """
    known = fields(kind)
    hints = get_type_hints(kind)
    problems = [_unknown(key, known) for key in values if key not in known]
    arguments: dict[str, object] = {}
    for key, field in known.items():
        if key not in values:
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                problems.append(f"{key!r} is missing: {field.metadata.get('description', '')}".rstrip(": "))
            continue
        value, problem = _convert(values[key], hints[field.name])
        if problem:
            problems.append(f"{key!r} must be {problem}")
        arguments[field.name] = value
    if not problems:
        try:
            return kind(**arguments)
        except ValueError as error:
            problems.append(str(error))
    raise Misconfigured("; ".join(problems), problems=tuple(problems), provider=provider)


def _unknown(key: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"unknown setting {key!r}" + (f", did you mean {near[0]!r}?" if near else "")


def _convert(value: object, hint: Any) -> tuple[object, str]:
    """The value as the hint wants it, and what it should have been when it is not."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        return (None, "") if value is None else _convert(value, inner[0])
    if origin is Literal:
        return value, "" if value in arguments else "one of " + ", ".join(repr(argument) for argument in arguments)
    if origin is tuple:
        ok = isinstance(value, list | tuple) and all(isinstance(item, arguments[0]) for item in value)
        return (tuple(value) if isinstance(value, list | tuple) else value), "" if ok else "a list of texts"
    if origin is not None:
        return value, "" if _is_table(value, arguments[1]) else "a table" + (" of texts" if arguments[1] is str else "")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value), ""
    names = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", object: "anything"}
    ok = isinstance(value, hint) and not (hint is int and isinstance(value, bool))
    return value, "" if ok else names.get(hint, str(hint))


def _is_table(value: object, kind: Any) -> bool:
    return isinstance(value, Mapping) and (kind is not str or all(isinstance(item, str) for item in value.values()))
