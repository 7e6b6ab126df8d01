"""The keys of the configuration, found by walking the model."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from hookpoint.proxy.config.section import Section
from hookpoint.proxy.config.settings import Settings

Location: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of the model: where it stands (`*` for names and positions the user chooses), its field, and whose it is."""

    path: tuple[str, ...]
    field: FieldInfo
    section: type[Section]


def plain(annotation: Any) -> Any:
    """Return an annotation without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return plain(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [each for each in get_args(annotation) if each is not type(None)]
        return plain(rest[0]) if len(rest) == 1 else annotation
    return annotation


def section_of(annotation: Any) -> type[Section] | None:
    """Return the section an annotation stands for, if it is one."""
    kind = plain(annotation)
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def members_of(annotation: Any) -> tuple[str, Any] | None:
    """Return (`*` or `*[]`, type of a member) of tables with free names and of lists."""
    kind = plain(annotation)
    if get_origin(kind) is Mapping:
        return "*", get_args(kind)[1]
    return ("[]", get_args(kind)[0]) if get_origin(kind) is tuple else None


def choices_of(annotation: Any) -> tuple[str, ...]:
    """Return the texts that a key with a fixed choice allows."""
    kind = plain(annotation)
    return get_args(kind) if get_origin(kind) is Literal else ()


def holds_secret(annotation: Any) -> bool:
    """Tell whether a value of this type is a secret or has one inside."""
    kind = plain(annotation)
    if kind is SecretStr:
        return True
    if section := section_of(kind):
        fields = [field.annotation for field in section.model_fields.values()]
        return any(map(holds_secret, fields)) or section.model_config.get("extra") == "allow"
    return any(holds_secret(each) for each in get_args(kind) if not isinstance(each, str))


def field_at(location: Location) -> tuple[Any, FieldInfo | None]:
    """Return the type at a location and the nearest field around it; (None, field) where the model knows no type."""
    annotation: Any = Settings
    field: FieldInfo | None = None
    for step in location:
        if section := section_of(annotation):
            found = section.model_fields.get(str(step))
            extra = section.model_config.get("extra") == "allow"
            field = found or field
            annotation = found.annotation if found else (SecretStr if extra else None)
        elif members := members_of(annotation):
            annotation = members[1]
        else:
            annotation = None
    return annotation, field


def keys(section: type[Section] = Settings, above: tuple[str, ...] = ()) -> Iterator[Key]:
    """Yield every key of a section, sections inside it after the key that holds them."""
    for name, field in section.model_fields.items():
        path = (*above, name)
        yield Key(path=path, field=field, section=section)
        annotation: Any = field.annotation
        while members := members_of(annotation):
            path, annotation = (*path[:-1], path[-1] + "[]") if members[0] == "[]" else (*path, "*"), members[1]
        if inner := section_of(annotation):
            yield from keys(inner, path)
