"""Reads the members of a JSON object that somebody else wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hookpoint.hooks.json import FrozenDict, JsonValue


class Unreadable(ValueError):  # noqa: N818 - a verdict on what was read
    """JSON that is not what its format has; the text names the member and never repeats a value."""


class Members:
    """The members of an object, found by the names that lead to them; what is absent or null is empty."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    def has(self, *path: str) -> bool:
        """Whether there is a member, and it is not null."""
        return self._find(path) is not None

    def text(self, *path: str) -> str:
        """A text. Raises Unreadable when it is something else."""
        value = self._find(path)
        if value is None or isinstance(value, str):
            return value or ""
        raise Unreadable(f"{'.'.join(path)} is not a text")

    def required(self, *path: str) -> str:
        """A text that must be there. Raises Unreadable."""
        if text := self.text(*path):
            return text
        raise Unreadable(f"{'.'.join(path)} is missing")

    def flag(self, *path: str) -> bool:
        """True or false. Raises Unreadable when it is something else."""
        value = self._find(path)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise Unreadable(f"{'.'.join(path)} is neither true nor false")

    def mapping(self, *path: str) -> Mapping[str, JsonValue]:
        """An object. Raises Unreadable when it is something else."""
        value = self._find(path)
        if value is None:
            return FrozenDict()
        if isinstance(value, Mapping):
            return value
        raise Unreadable(f"{'.'.join(path)} is not an object")

    def texts(self, *path: str) -> tuple[str, ...]:
        """An array of texts. Raises Unreadable when it is something else."""
        values = self.values(*path)
        if all(isinstance(each, str) for each in values):
            return tuple(map(str, values))
        raise Unreadable(f"{'.'.join(path)} holds something other than texts")

    def objects(self, *path: str) -> list[Members]:
        """An array of objects. Raises Unreadable when it is something else."""
        values = self.values(*path)
        if all(isinstance(each, Mapping) for each in values):
            return [Members(each) for each in values]
        raise Unreadable(f"{'.'.join(path)} holds something other than objects")

    def values(self, *path: str) -> Sequence[Any]:
        """An array. Raises Unreadable when it is something else."""
        value = self._find(path)
        if value is None:
            return ()
        if isinstance(value, (list, tuple)):
            return value
        raise Unreadable(f"{'.'.join(path)} is not an array")

    def value(self, *path: str) -> Any:
        """Whatever stands there; None for nothing."""
        return self._find(path)

    def _find(self, path: tuple[str, ...]) -> Any:
        value: Any = self._members
        for depth, name in enumerate(path):
            if value is None:
                return None
            if not isinstance(value, Mapping):
                raise Unreadable(f"{'.'.join(path[:depth])} is not an object")
            value = value.get(name)
        return value
