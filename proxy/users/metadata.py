"""Metadata in the shapes that servers keep it in."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import cast

from hookpoint.hooks import JsonValue
from hookpoint.hooks.strict_json import write_json
from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.dialects.users import MetadataStyle

Metadata = Mapping[str, JsonValue]


def read_metadata(value: object, style: MetadataStyle) -> Metadata:
    """Metadata that a request brings; raises BodyRefused when it has not the shape of the style."""
    if value is None:
        return {}
    if style == "key_values":
        return _read_key_values(value)
    if not isinstance(value, Mapping):
        raise BodyRefused("Metadata must be an object.")
    if style == "object":
        return cast("Metadata", value)
    return {
        name: each[0] if isinstance(each, (list, tuple)) and len(each) == 1 else each for name, each in value.items()
    }


def write_metadata(metadata: Metadata, style: MetadataStyle) -> JsonValue:
    """Metadata in the shape of a style."""
    if style == "object":
        return metadata
    if style == "text_lists":
        return {name: _texts(value) for name, value in metadata.items()}
    return [
        {"key": name, "value": base64.b64encode(as_text(value).encode()).decode()} for name, value in metadata.items()
    ]


def as_text(value: JsonValue) -> str:
    """A value where there is room for text only: texts as they are, others as JSON."""
    return value if isinstance(value, str) else write_json(value).decode()


def _texts(value: JsonValue) -> list[str]:
    items = value if isinstance(value, (list, tuple)) else [value]
    return [as_text(item) for item in items]


def _read_key_values(value: object) -> Metadata:
    read: dict[str, JsonValue] = {}
    for item in value if isinstance(value, (list, tuple)) else [value]:
        members = item if isinstance(item, Mapping) else {}
        key = members.get("key")
        if not isinstance(key, str) or key in read:
            raise BodyRefused("Metadata must be a list of objects, each with a key of its own and a value.")
        try:
            read[key] = base64.b64decode(str(members.get("value", "")), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise BodyRefused("The values of metadata must be texts in base64.") from None
    return read
