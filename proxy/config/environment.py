"""Overrides from the environment: HOOKPOINT_SERVER__LISTEN stands for server.listen."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from pydantic_settings import EnvSettingsSource

from hookpoint.proxy.config.problems import HIDDEN, Problem
from hookpoint.proxy.config.schema import Location, keys, section_of
from hookpoint.proxy.config.settings import Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

PREFIX = "HOOKPOINT_"
OWN_VARIABLES = frozenset({"HOOKPOINT_CONFIG"})


class _EnvironmentSource(EnvSettingsSource):
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        # The source looks at fields and model_config only, so that any model will do.
        super().__init__(cast("type[BaseSettings]", Settings), env_prefix=PREFIX, env_nested_delimiter="__")

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value  # left to validation, which says what was expected here


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What the environment says: values as in a file, the variable of each key, and variables that mean nothing."""

    values: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[Location, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def variable(self, location: Location) -> str | None:
        """Return the variable that sets a key or a table around it."""
        lengths = range(len(location), 0, -1)
        return next((self.variables[location[:n]] for n in lengths if location[:n] in self.variables), None)


def variable_of(path: Location) -> str:
    """Return the variable that overrides a key."""
    return PREFIX + "__".join(str(part) for part in path).upper()


def read_overrides(environ: Mapping[str, str], *, referenced: frozenset[str] = frozenset()) -> Overrides:
    """Return the overrides; `referenced` are variables that secrets of the file name, whatever they are called."""
    locations = {variable_of(path): path for path in _overridable()}
    own = OWN_VARIABLES | referenced
    names = [name for name in environ if name.upper().startswith(PREFIX) and name not in own]
    known = {name: locations[name.upper()] for name in names if name.upper() in locations}
    return Overrides(
        values=_EnvironmentSource({name: environ[name] for name in known})(),
        variables={location: name for name, location in known.items()},
        problems=tuple(_unknown(name, list(locations)) for name in names if name not in known),
    )


def _overridable() -> Iterator[tuple[str, ...]]:
    for key in keys():
        if not any(part == "*" or part.endswith("[]") for part in key.path):
            yield key.path


def _unknown(name: str, known: list[str]) -> Problem:
    above = next((each for each in known if name.upper().startswith(each + "__") and not _is_section(each)), None)
    if above:
        reason = f"{above} is a list, a table of free names or a single value, and is set as a whole"
        remedy = f"Set {above}; lists and tables are written as JSON."
    else:
        rest = name.upper().removeprefix(PREFIX)
        ends = [each for each in known if each.endswith(f"__{rest}")]
        near = ends or [PREFIX + each for each in difflib.get_close_matches(rest, _without_prefix(known), n=1)]
        reason = "no key of the configuration has this variable"
        remedy = f"Did you mean {near[0]}?" if near else "Remove it; HOOKPOINT_ variables are all settings."
    return Problem(key=name, value=HIDDEN, reason=reason, remedy=remedy, where="environment")


def _without_prefix(variables: list[str]) -> list[str]:
    return [variable.removeprefix(PREFIX) for variable in variables]


def _is_section(variable: str) -> bool:
    return any(variable_of(key.path) == variable and section_of(key.field.annotation) for key in keys())
