"""The Deploy CLI's placeholders: `##NAME##` stands for a text, `@@NAME@@` for a JSON value.

The tool replaces them in the text of a file before it parses it, so that they may stand where neither JSON nor YAML allows them. Here they
are kept: each becomes part of a text. (auth0-deploy-cli, docs/keyword-replacement.md)
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_KEYWORD = re.compile(r"##(\w+)##|@@(\w+)@@")
_IN_JSON = re.compile(r'"(?:\\.|[^"\\])*"|##\w+##|@@\w+@@', re.DOTALL)
# A line that begins with one in YAML is a comment, for the tool too unless it replaces it.
_IN_YAML = re.compile(r"(?<=\S)([ \t]*)(?:##(\w+)##|@@(\w+)@@)|@@(\w+)@@")
# Characters for private use, which no export holds: they stand for the marks while YAML is parsed.
_MARKS = {"##": ("\ue000", "\ue001"), "@@": ("\ue002", "\ue003")}
_RESTORED = str.maketrans({mark: sign for sign, marks in _MARKS.items() for mark in marks})


def keywords_in(text: str) -> Iterator[tuple[str, int]]:
    """Yield each placeholder of a text with its line number, from 1."""
    for found in _KEYWORD.finditer(text):
        yield found[0], text.count("\n", 0, found.start()) + 1


def is_keyword(text: str) -> bool:
    """Tell whether a text is one placeholder and nothing else."""
    return _KEYWORD.fullmatch(text) is not None


def quote_in_json(text: str) -> str:
    """JSON with the placeholders that stand outside of texts made texts."""
    return _IN_JSON.sub(lambda found: found[0] if found[0].startswith('"') else f'"{found[0]}"', text)


def hide_in_yaml(text: str) -> str:
    """YAML with placeholders written so that they parse as (parts of) plain texts; `restore` undoes it."""
    return _IN_YAML.sub(_hidden, text)


def restore(text: str) -> str:
    """The text as it was before `hide_in_yaml`."""
    return text.translate(_RESTORED)


def _hidden(found: re.Match[str]) -> str:
    space, literal, json_value, first = found.groups()
    sign = "##" if literal else "@@"
    begin, end = _MARKS[sign]
    return f"{space or ''}{begin}{literal or json_value or first}{end}"
