"""Refuses members that another parser could take for one that is read here.

Go and .NET match names whatever their letter case: `{"traits": {"Email": …}}` has an e-mail address for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from hookpoint.proxy.bodies import BodyRefused
from hookpoint.proxy.parameters import fold_name, misread

Names: TypeAlias = dict[str, "Names"]
"""The members that are read of an object, and of the objects in it."""


def names_of(pointers: Iterable[Sequence[str]]) -> Names:
    """The names that these pointers go along."""
    names: Names = {}
    for segments in pointers:
        below = names
        for segment in segments:
            below = below.setdefault(segment, {})
    return names


def check_nested(value: object, names: Names) -> None:
    """Raise BodyRefused when an object on the way to a value has members that can be taken for those that are read."""
    if not names:
        return
    if isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            check_nested(item, names.get(str(index), {}))
    elif isinstance(value, Mapping):
        _check_object(value, names)


def _check_object(members: Mapping[str, object], names: Names) -> None:
    seen: set[str] = set()
    for name, value in members.items():
        folded = fold_name(name)
        if misread(name, names.keys()) or folded in seen:
            raise BodyRefused("A member is named so that it can be taken for another one.")
        seen.add(folded)
        check_nested(value, names.get(name, {}))
