"""JSON Schema of what hooks over HTTP are sent and answer in hookpoint's own format, made from the classes of events and results."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from hookpoint.hooks.http.formats.hookpoint import result_name, type_of
from hookpoint.hooks.points import AnyPoint

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Final[dict[object, Schema]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    datetime: {"type": "string", "format": "date-time"},
}
_DENY: Final[Schema] = {
    "type": "object",
    "description": "Refuse. `code` is an OAuth error code; `user_message` goes to the client in place of `reason`.",
    "properties": {
        "code": {"type": "string", "pattern": r"^[\x20-\x21\x23-\x5b\x5d-\x7e]+$"},
        "reason": {"type": "string"},
        "user_message": {"type": "string"},
    },
    "required": ["code"],
    "additionalProperties": False,
}


def request_schema(point: AnyPoint) -> Schema:
    """What a hook of a point is sent."""
    return {
        "type": "object",
        "properties": {
            "type": {"const": type_of(point)},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": class_schema(point.event, written=True),
        },
        "required": ["type", "timestamp", "data"],
    }


def answer_schema(point: AnyPoint) -> Schema:
    """What it may answer: one member at most. Where the point has no results, any answer will do."""
    if not point.results:
        return {"type": "object"}
    results = {result_name(kind): class_schema(kind) for kind in point.results}
    return {
        "type": "object",
        "properties": {**results, "deny": _DENY},
        "additionalProperties": False,
        "maxProperties": 1,
    }


def class_schema(kind: type, *, written: bool = False) -> Schema:
    """The members of an event, a result or a part of one. Those that hookpoint writes are all there, and more may be added."""
    hints = get_type_hints(kind)
    known = [each for each in fields(kind) if each.name != "secrets"]
    schema: Schema = {
        "type": "object",
        "title": kind.__name__,
        "description": inspect.cleandoc(kind.__doc__ or ""),
        "properties": {each.name: _schema(hints[each.name], written) for each in known},
    }
    required = [each.name for each in known if written or _is_required(each)]
    if required:
        schema["required"] = required
    if not written:
        schema["additionalProperties"] = False
    return schema


def _is_required(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING


def _schema(hint: Any, written: bool) -> Schema:
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        options = [each for each in get_args(hint) if each is not type(None)]
        schemas = [_schema(each, written) for each in options]
        return {"anyOf": [*schemas, {"type": "null"}]}
    if origin is Literal:
        return {"type": "string", "enum": list(get_args(hint))}
    if origin is Mapping:
        return {"type": "object"}
    if origin in (frozenset, tuple, Collection):
        unique = {} if origin is tuple else {"uniqueItems": True}
        return {"type": "array", "items": {"type": "string"}, **unique}
    if is_dataclass(hint) and isinstance(hint, type):
        return class_schema(hint, written=written)
    raise TypeError(f"{hint!r} has no schema")
