"""Turns what validation found into problems in plain words."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hookpoint.proxy.config.problems import HIDDEN, Problem
from hookpoint.proxy.config.schema import choices_of, field_at, holds_secret, keys, members_of, section_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

    from hookpoint.proxy.config.document import Document
    from hookpoint.proxy.config.environment import Overrides
    from hookpoint.proxy.config.schema import Location

_EXPECTED = {
    "string_type": "text in quotes",
    "path_type": "text in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "tuple_type": "a list",
    "mapping_type": "a table",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dataclass_type": "text in quotes",
}
_BOUNDS = {"greater_than": "more than", "greater_than_equal": "at least", "less_than_equal": "at most"}
_SUSPICIOUS = re.compile(r"secret|token|passw|key|auth|cred|value|sid|cert|pem|url|dsn", re.IGNORECASE)
_USER_INFORMATION = re.compile(r"//[^/@\s]*@")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Explainer:
    """Knows where values came from, and shows them unless they are secret."""

    def __init__(self, document: Document, overrides: Overrides, values: Mapping[str, Any]) -> None:
        """Take the file, the environment, and both merged."""
        self._document = document
        self._overrides = overrides
        self._values = values

    def problem(self, location: Location, reason: str, remedy: str) -> Problem:
        """Return the problem with a key."""
        return Problem(
            key=key_text(location),
            value=self._shown(location),
            reason=reason,
            remedy=remedy,
            where=self._overrides.variable(location) or self._document.where(location),
        )

    def validation_problem(self, error: ErrorDetails) -> Problem:
        """Return the problem that one validation error stands for."""
        location = error["loc"]
        context = error.get("ctx", {})
        kind = error["type"]
        if kind == "refused":
            return self.problem(location, context["reason"], context["remedy"])
        if kind == "extra_forbidden":
            return self._unknown_key(location)
        if kind == "missing":
            return self.problem(location, "this key is required", self._example(location))
        if kind == "literal_error":
            return self._wrong_choice(location)
        if kind in _BOUNDS:
            bound = next(value for name, value in context.items() if name in ("gt", "ge", "le"))
            return self.problem(location, f"must be {_BOUNDS[kind]} {bound:g}", self._example(location))
        if kind in ("too_short", "string_too_short"):
            return self.problem(location, "must not be empty", self._example(location))
        expected = _EXPECTED.get(kind)
        return self.problem(location, f"expected {expected}" if expected else error["msg"], self._example(location))

    def _unknown_key(self, location: Location) -> Problem:
        section = section_of(field_at(location[:-1])[0])
        name = str(location[-1])
        siblings = {each: key_text((*location[:-1], each)) for each in (section.model_fields if section else ())}
        near = _nearest(name, siblings, {key.path[-1]: key_text(key.path) for key in keys()})
        remedy = f"Did you mean {near}?" if near else f"Known here: {', '.join(siblings)}."
        return self.problem(location, "there is no such key", remedy)

    def _wrong_choice(self, location: Location) -> Problem:
        choices = choices_of(field_at(location)[0])
        value = _value_at(self._values, location)
        near = difflib.get_close_matches(value, choices, n=1, cutoff=0.5) if isinstance(value, str) else []
        listed = ", ".join(f'"{choice}"' for choice in choices)
        return self.problem(
            location,
            f"expected one of {listed}",
            f'Did you mean "{near[0]}"?' if near else f'Write for example "{choices[0]}".',
        )

    def _example(self, location: Location) -> str:
        _, field = field_at(location)
        if field is None:
            return "Write a table."
        examples: Sequence[Any] = field.examples or ([] if field.is_required() else [field.get_default()])
        whole = location[: 1 + max((i for i, step in enumerate(location) if _names_field(location, i)), default=0)]
        members = members_of(field.annotation)
        if members and section_of(members[1]) and not field.examples:
            return f"Write it as tables: [[{key_text(whole)}]]"
        if not examples or (section_of(field.annotation) and not field.examples):
            return f"Write it as a table: [{key_text(whole)}]"
        if variable := self._overrides.variable(location):
            example = examples[0] if isinstance(examples[0], str) else json.dumps(examples[0], default=str)
            return f"Write for example {variable}='{example}'"
        return f"Write for example {whole[-1]} = {toml_text(examples[0])}"

    def _shown(self, location: Location) -> str:
        try:
            value = _value_at(self._values, location)
        except LookupError:
            return ""
        annotation, _ = field_at(location)
        return shown(value, secret=_is_secret(annotation, str(location[-1])))


def _names_field(location: Location, index: int) -> bool:
    section = section_of(field_at(location[:index])[0])
    return section is not None and str(location[index]) in section.model_fields


def _is_secret(annotation: Any, name: str) -> bool:
    """Tell whether to hide a value: the model says so or, for a key it does not know, the name suggests so."""
    return holds_secret(annotation) if annotation is not None else bool(_SUSPICIOUS.search(name))


def shown(value: object, *, secret: bool) -> str:
    """Return a value as a problem may show it; `env:` and `file:` references are no secrets themselves."""
    if isinstance(value, Mapping):
        return "a table"
    if secret and not (isinstance(value, str) and value.startswith(("env:", "file:"))):
        return HIDDEN
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        return "a list of tables"
    text = _USER_INFORMATION.sub("//…@", toml_text(value))
    return text if len(text) <= 100 else text[:99] + "…"


def toml_text(value: object) -> str:
    """Return a value as TOML writes it on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key_part(str(key))} = {toml_text(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(toml_text, value)) + "]"
    return json.dumps(str(value), ensure_ascii=False)


def key_text(location: Location) -> str:
    """Return a key as people write it: `hooks[0].run`, `clients."a.b".name`."""
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{_key_part(step)}" if text else _key_part(step)
    return text


def _key_part(name: str) -> str:
    return name if _BARE.fullmatch(name) or name.endswith("[]") else json.dumps(name, ensure_ascii=False)


def _value_at(values: object, location: Location) -> object:
    """Return what stands at a location; raises LookupError where the values hold nothing."""
    for step in location:
        if isinstance(values, Mapping):
            values = values[step]
            continue
        if not isinstance(values, list | tuple) or not isinstance(step, int):
            raise LookupError(step)  # noqa: TRY004 - nothing stands there
        values = values[step]
    return values


def _nearest(name: str, siblings: Mapping[str, str], elsewhere: Mapping[str, str]) -> str | None:
    """Return the full key whose last part is most like a name; its own section comes first where it is close."""
    rated = [_likest(name, known) for known in (siblings, elsewhere)]
    (near, full), (far, other) = rated
    if near >= 0.8 or (near >= 0.65 and near + 0.15 >= far):
        return full
    return other if far >= 0.8 else None


def _likest(name: str, known: Mapping[str, str]) -> tuple[float, str]:
    rated = ((difflib.SequenceMatcher(None, name, each).ratio(), full) for each, full in known.items())
    return max(rated, default=(0.0, ""))
