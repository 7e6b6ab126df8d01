"""The page docs/security/cases.md: every case with its tests and what came of them in the last run of `make attack`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.security.catalogue import PROJECT, Case

PAGE = PROJECT / "docs" / "security" / "cases.md"
KINDS = {
    "T": "Tokens",
    "P": "Paths",
    "H": "Framing of requests",
    "F": "Bodies of requests",
    "U": "Servers behind hookpoint",
    "O": "Operations",
    "A": "Advisories of other software",
}
_ROW = re.compile(r"\| (?P<id>[^ |]+) \| .* \| (?P<result>[^|]+) \|")
_FIGURES = re.compile(r"## The last run\n\n(?P<text>.*?)\n\n## ", re.DOTALL)


def render(cases: Sequence[Case], results: Mapping[str, str], figures: str) -> str:
    """The page; `results` by id of a case, `figures` as Markdown."""
    lines = [
        "# Attacks and the tests that hold them",
        "<!-- Written by: make attack -->",
        "",
        "The catalogue is `tests/security/cases.toml`. `make attack` runs every test of it against the product, fuzzes what reads",
        "foreign bytes, and writes this page. Tests are named by their place below `tests`.",
        "",
        "## The last run",
        "",
        figures,
    ]
    for letter, title in KINDS.items():
        lines += ["", f"## {title}", "", "| case | what | tests | result |", "|---|---|---|---|"]
        lines += [_row(case, results) for case in cases if case.id[0] == letter]
    return "\n".join(lines) + "\n"


def read_results(path: Path = PAGE) -> dict[str, str]:
    """What the page says came of each case."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [match for line in lines if (match := _ROW.fullmatch(line))]
    return {match["id"]: match["result"] for match in rows if match["id"] != "case"}


def read_figures(path: Path = PAGE) -> str:
    """The figures of the page."""
    match = _FIGURES.search(path.read_text(encoding="utf-8")) if path.exists() else None
    return match["text"] if match else "There was none yet."


def held(result: str) -> bool:
    """Whether every test of a case passed."""
    return re.fullmatch(r"\d+ passed", result) is not None


def _row(case: Case, results: Mapping[str, str]) -> str:
    tests = "<br>".join(f"`{_shown(test)}`" for test in case.tests) or f"Cannot apply: {case.reason}"
    result = results.get(case.id, "not run") if case.tests else "-"
    return f"| {case.id} | {_escaped(case.says)} | {_escaped(tests)} | {result} |"


def _shown(test: str) -> str:
    return test.removeprefix("tests/").replace(".py::test_", "::", 1)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
