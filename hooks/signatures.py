"""What can be told of a function before it is called: where it is written, and whether it could take an event."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import UnionType
from typing import Any, get_args

from hookpoint.hooks.errors import HookDefinitionError


def source_of(function: object) -> str:
    """Where a hook is written, as `file:line`, or its module and name where there is no file."""
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    if callable(inner) and not inspect.isroutine(inner) and not inspect.isclass(inner):
        inner = type(inner).__call__
    code = getattr(inspect.unwrap(inner) if callable(inner) else inner, "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    kind = function if inspect.isclass(function) else type(function)
    return f"{kind.__module__}:{kind.__qualname__}"


def check_signature(point: str, event: type, function: Callable[..., object], source: str) -> None:
    """Refuse a function that could not be called with the event of its point, which is named for the message."""
    name = event.__name__
    if not callable(function) or inspect.isclass(function):
        raise HookDefinitionError(source, "is not a function.", f"Write def my_hook(event: {name}): ...")
    if any(map(_is_generator, (function, type(function).__call__))):
        raise HookDefinitionError(source, "is a generator.", "Use return in place of yield.")
    annotation = _annotation_of_event(function, source, name)
    kinds = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    if not any(_accepts(kind, event) for kind in kinds):
        named = " | ".join(kind.__name__ for kind in kinds)
        raise HookDefinitionError(
            source,
            f"takes a {named}, but {point} gives a {name}.",
            f"Change the annotation to {name}, or the decorator to the point you mean.",
        )


def _accepts(kind: object, event: type) -> bool:
    if not isinstance(kind, type) or kind is Any or getattr(kind, "_is_protocol", False):
        return True
    return issubclass(event, kind)


def _is_generator(function: object) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _annotation_of_event(function: Callable[..., object], source: str, event: str) -> Any:
    """What a function says of its first parameter; `object` where that cannot be told."""
    try:
        signature = inspect.signature(function)
        parameter = next(iter(signature.bind(object()).arguments))
    except (TypeError, ValueError, StopIteration):
        raise HookDefinitionError(
            source, "must take the event as its only argument.", f"Write def my_hook(event: {event}): ..."
        ) from None
    try:
        evaluated = inspect.signature(function, eval_str=True)
    except Exception:  # noqa: BLE001 - a name that is imported for type checkers only, for example
        return object
    annotation = evaluated.parameters[parameter].annotation
    return object if annotation is inspect.Parameter.empty else annotation
