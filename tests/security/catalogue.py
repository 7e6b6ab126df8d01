"""The catalogue of attacks, `cases.toml`: what each is, and which tests hold it, or why there is nothing to hold.

`[files]` names test files, from tests/ on. A `[[case]]` has an `id`, what it `says`, and `tests` (`file::function`, for all its
parameters, or `file::function[parameters]`) or the `reason` why it cannot apply. Ids begin with T for tokens, P for paths, H for
framing, F for bodies, U for servers behind hookpoint, O for operations, and A for advisories of other software.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
PROJECT = TESTS.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An attack; `tests` are node ids of pytest, relative to the project."""

    id: str
    says: str
    tests: Sequence[str] = ()
    reason: str = ""


def read_cases(path: Path = TESTS / "security" / "cases.toml") -> list[Case]:
    """Every case, in order."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    files: dict[str, str] = document["files"]

    def node_id(short: str) -> str:
        name, _, test = short.partition("::")
        return f"tests/{files[name]}::{test}"

    return [
        Case(
            id=each["id"],
            says=each["says"],
            tests=[node_id(short) for short in each.get("tests", [])],
            reason=each.get("reason", ""),
        )
        for each in document["case"]
    ]


def problems(cases: Sequence[Case], collected: Iterable[str] = ()) -> list[str]:
    """What is wrong with the catalogue; `collected` are all tests of those files that pytest has read whole."""
    known = frozenset(collected)
    read = {each.partition("::")[0] for each in known}
    found = []
    ids = [case.id for case in cases]
    found += [f"{each}: there are several of this id" for each in sorted({each for each in ids if ids.count(each) > 1})]
    for case in cases:
        if bool(case.tests) is bool(case.reason):
            found.append(f"{case.id}: name tests, or the reason why it cannot apply")
        for test in case.tests:
            path, _, name = test.partition("::")
            function, parameters, _ = name.partition("[")
            if function not in functions(PROJECT / path) or (parameters and path in read and test not in known):
                found.append(f"{case.id}: there is no test {test}")
    return found


@cache
def functions(path: Path) -> frozenset[str]:
    """The functions of a file; none where there is no such file."""
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_bytes())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
