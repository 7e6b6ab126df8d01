"""Texts and JSON values with places to fill in, such as `{"msg": "{message}"}`."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

from hookpoint.hooks import JsonValue

_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")


def placeholders(template: JsonValue) -> Iterator[str]:
    """Yield the names of everything that is to be filled in."""
    if isinstance(template, str):
        yield from _PLACEHOLDER.findall(template)
    elif isinstance(template, Mapping):
        for name, value in template.items():
            yield from _PLACEHOLDER.findall(name)
            yield from placeholders(value)
    elif isinstance(template, (list, tuple)):
        for item in template:
            yield from placeholders(item)


def fill(template: JsonValue, values: Mapping[str, JsonValue]) -> JsonValue:
    """Fill in a JSON value. A text that is one placeholder becomes the value itself, whatever its type.

    Members whose value is a placeholder that stands for None are left out.
    """
    if isinstance(template, str):
        alone = _PLACEHOLDER.fullmatch(template)
        return values.get(alone[1]) if alone else fill_text(template, values)
    if isinstance(template, Mapping):
        filled = {name: fill(value, values) for name, value in template.items()}
        return {name: value for name, value in filled.items() if value is not None or template[name] is None}
    if isinstance(template, (list, tuple)):
        return [fill(item, values) for item in template]
    return template


def fill_text(
    template: str, values: Mapping[str, JsonValue], *, escape: Callable[[str], str] = lambda text: text
) -> str:
    """Fill in a text; values go through `escape`."""

    def written(found: re.Match[str]) -> str:
        value = values.get(found[1])
        return escape("" if value is None else str(value))

    return _PLACEHOLDER.sub(written, template)


def fill_html(template: str, values: Mapping[str, JsonValue]) -> str:
    """Fill in a page; values cannot become markup."""
    return fill_text(template, values, escape=lambda text: html.escape(text, quote=True))


def fill_path(template: str, values: Mapping[str, JsonValue]) -> str:
    """Fill in a path; a value stays within its segment."""
    return fill_text(template, values, escape=lambda text: quote(text, safe=""))
