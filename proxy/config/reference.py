"""The reference page of the configuration, written from the model."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from hookpoint.proxy.config.explain import toml_text
from hookpoint.proxy.config.schema import choices_of, keys, members_of, plain, section_of
from hookpoint.proxy.config.section import Section
from hookpoint.proxy.config.settings import Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from hookpoint.proxy.config.schema import Key

_INTRODUCTION = """\
# Configuration

<!-- Written by: make docs -->

hookpoint reads one TOML file: `hookpoint.toml`, or what `--config` or `HOOKPOINT_CONFIG` names. `hookpoint init` writes one
to start from, `hookpoint check` reports everything that is wrong with it at once. Unknown keys are errors.

- **Environment.** Every key outside of lists and tables with free names has a variable, which wins over the file:
  `HOOKPOINT_SERVER__LISTEN` is `server.listen`. Lists and tables are written as JSON:
  `HOOKPOINT_UPSTREAM__ROUTES__TOKEN='["/oauth/token"]'`. A table is merged into the file's, a list replaces it. Variables
  that begin with `HOOKPOINT_` and mean nothing are errors, unless a secret refers to them.
- **Secrets.** Where the type says *secret*, `"env:NAME"` takes the value of an environment variable and `"file:PATH"` the
  content of a file, without line ends at its end. Secrets never show in messages, logs or representations.
- **Paths** that are relative start at the folder of the configuration file.
- **Times** are seconds, **sizes** are bytes.
"""
_WORDS = {bool: "true or false", int: "whole number", float: "number", date: "date", SecretStr: "secret"}


def page() -> str:
    """Return the reference page."""
    return _INTRODUCTION + "".join(_chapters())


def attribute_docstrings(kind: type) -> dict[str, str]:
    """Return what stands under the attributes of a class and of its bases, by name, each in one line."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__[:-1]):
        if each.__module__.startswith("hookpoint."):
            (definition,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
            assert isinstance(definition, ast.ClassDef)
            found.update(_documented(definition))
    return found


def _documented(definition: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for statement, after in pairwise(definition.body):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(text.split())


def _chapters() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        kind, path = _innermost(field.annotation, name)
        yield f"\n## `{path}`\n\n{_sentence(kind)}\n"
        yield from _table([key for key in keys() if key.path[0].removesuffix("[]") == name and len(key.path) > 1])


def _innermost(annotation: Any, name: str) -> tuple[type[Section], str]:
    """Return the section inside of a field of the top level, and its header as TOML writes it."""
    members = members_of(annotation)
    if members is None:
        return _section(annotation), f"[{name}]"
    return _section(members[1]), f"[[{name}]]" if members[0] == "[]" else f"[{name}.ID]"


def _section(annotation: Any) -> type[Section]:
    section = section_of(annotation)
    if section is None:
        raise TypeError(f"{annotation} is not a section")
    return section


def _sentence(section: type[Section]) -> str:
    return inspect.cleandoc(section.__doc__ or "")


def _table(rows: list[Key]) -> Iterator[str]:
    yield "\n| key | type | default | meaning |\n|---|---|---|---|\n"
    for key in rows:
        path = ".".join(key.path).replace(".*", ".ID")
        cells = (f"`{path}`", _type(key.field.annotation), _default(key.field), _meaning(key))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _type(annotation: Any) -> str:
    kind = plain(annotation)
    if choices := choices_of(kind):
        return ", ".join(f"`{choice}`" for choice in choices)
    if section_of(kind):
        return "table"
    if members := members_of(kind):
        name, inner = members
        words = _type(inner)
        return f"list of {_plural(words)}" if name == "[]" else f"table: {words} by name"
    return _WORDS.get(kind, "text")


def _plural(words: str) -> str:
    return f"any of {words}" if words.startswith("`") else f"{words}s"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or isinstance(value, Section) or value == () or value == {}:
        return "-"
    return f"`{toml_text(value)}`"


def _meaning(key: Key) -> str:
    text = attribute_docstrings(key.section)[key.path[-1]]
    example = next(iter(key.field.examples or ()), None)
    if example is None or (not key.field.is_required() and example == key.field.get_default()):
        return text
    return f"{text} Example: `{toml_text(example)}`"
