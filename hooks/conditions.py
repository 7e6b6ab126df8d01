"""For which requests a hook runs: globs on client id, audience, scope and connection."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import TypedDict

from hookpoint.hooks.errors import HookDefinitionError


class Conditions(TypedDict, total=False):
    """What `when=` of a decorator takes: lists of globs (`*`, `?`, `[seq]`, case-sensitive)."""

    client_id: Sequence[str]
    audience: Sequence[str]
    scope: Sequence[str]
    connection: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Globs that an event must meet. An empty tuple asks for nothing; of several kinds all must be met, within a kind any one."""

    client_id: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    scope: tuple[str, ...] = ()
    connection: tuple[str, ...] = ()

    def matches(self, event: object) -> bool:
        """Whether the hook is to run for this event."""
        return (
            _meets(self.client_id, (getattr(getattr(event, "client", None), "id", ""),))
            and _meets(self.audience, getattr(event, "audiences", ()) or (getattr(event, "audience", ""),))
            and _meets(self.scope, getattr(event, "scope", ()))
            and _meets(self.connection, (getattr(getattr(event, "connection", None), "name", ""),))
        )


def _meets(globs: tuple[str, ...], values: Iterable[str]) -> bool:
    return not globs or any(fnmatchcase(value, glob) for value in values for glob in globs)


def parse_conditions(conditions: object, source: str) -> When:
    """Turn `when=` into a `When`; raises HookDefinitionError for an unknown key or a value that is no list of text."""
    if not isinstance(conditions, Mapping):
        raise HookDefinitionError(source, "when is not a mapping.", 'Write when={"client_id": ["m2m-*"]}.')
    known = [each.name for each in fields(When)]
    parsed: dict[str, tuple[str, ...]] = {}
    for key, globs in conditions.items():
        if key not in known:
            nearest = difflib.get_close_matches(str(key), known, n=1)
            remedy = f"Did you mean {nearest[0]!r}?" if nearest else f"Use one of {', '.join(known)}."
            raise HookDefinitionError(source, f"when has an unknown key {key!r}.", remedy)
        if (
            isinstance(globs, str)
            or not isinstance(globs, Sequence)
            or not all(isinstance(each, str) for each in globs)
        ):
            raise HookDefinitionError(
                source, f"when.{key} is not a list of texts.", f'Write when={{"{key}": ["m2m-*"]}}.'
            )
        parsed[key] = tuple(globs)
    return When(**parsed)
