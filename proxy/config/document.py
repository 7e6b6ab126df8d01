"""The configuration file: its values, and the lines on which they stand."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hookpoint.proxy.config.problems import ConfigurationError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hookpoint.proxy.config.schema import Location

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=")
_POSITION = re.compile(r"^(?P<message>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed file; `lines` says on which line a key or table begins, as far as that could be told."""

    path: Path | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    lines: Mapping[Location, int] = field(default_factory=dict)

    def where(self, location: Location) -> str | None:
        """Return `file:line` of a key, or of the nearest table around it; None without a file."""
        if self.path is None:
            return None
        for length in range(len(location), 0, -1):
            if line := self.lines.get(location[:length]):
                return f"{self.path.name}:{line}"
        return self.path.name


def read_document(path: Path) -> Document:
    """Return a TOML file; raise ConfigurationError when it cannot be read or is not TOML."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        reason = f"cannot be read: {error.strerror or type(error).__name__}"
        remedy = "Name another file with --config or HOOKPOINT_CONFIG, or write one with: hookpoint init"
        raise ConfigurationError([Problem(key=str(path), value="", reason=reason, remedy=remedy)]) from None
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 text (byte {error.start})"
        problem = Problem(key=str(path), value="", reason=reason, remedy="Save the file as UTF-8.")
        raise ConfigurationError([problem]) from None
    try:
        return Document(path=path, values=tomllib.loads(text), lines=_lines_of_keys(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([_syntax_problem(path, text, str(error))]) from None


def _syntax_problem(path: Path, text: str, message: str) -> Problem:
    lines = text.splitlines() or [""]
    found = _POSITION.match(message)
    line = int(found["line"]) if found and found["line"] else len(lines)
    column = int(found["column"]) if found and found["column"] else len(lines[-1]) + 1
    assignment = _ASSIGNMENT.match(lines[min(line, len(lines)) - 1])
    return Problem(
        key=assignment[1] if assignment else path.name,
        value="",  # an unquoted secret is a frequent syntax error
        reason=f"this is not TOML: {found['message'] if found else message} at line {line}, column {column}",
        remedy='Correct that line; text stands in quotes, as in name = "value".',
        where=f"{path.name}:{line}:{column}",
    )


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_PART, dotted))


def _lines_of_keys(text: str) -> dict[Location, int]:
    """Return where keys begin; lines inside multi-line texts are skipped."""
    lines: dict[Location, int] = {}
    entries: Counter[Location] = Counter()
    table: Location = ()
    inside: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if inside is None:
            if header := _HEADER.match(line):
                table = _numbered(_parts(header[2]), entries, new=header[1] == "[[")
                lines.setdefault(table, number)
            elif assignment := _ASSIGNMENT.match(line):
                lines.setdefault((*table, *_parts(assignment[1])), number)
        for fence in re.findall(r'"""|\'\'\'', line):
            inside = fence if inside is None else (None if inside == fence else inside)
    return lines


def _numbered(parts: tuple[str, ...], entries: Counter[Location], *, new: bool) -> Location:
    """Return the location of a table header, with the position of each entry of an array of tables."""
    location: Location = ()
    for index, part in enumerate(parts):
        location = (*location, part)
        if new and index == len(parts) - 1:
            entries[location] += 1
        if entries[location]:
            location = (*location, entries[location] - 1)
    return location
