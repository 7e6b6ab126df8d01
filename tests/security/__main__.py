"""`python -m tests.security`, as `make attack` runs it: the whole catalogue, then random conversations, then fuzzing.

Ends with a table of figures and writes docs/security/cases.md. The exit code is not zero when a test of a case failed, was skipped or
is missing, or when a fuzzed target broke a promise.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

import hookpoint
from tests.security.catalogue import PROJECT, Case, read_cases
from tests.security.page import PAGE, held, read_figures, read_results, render

TARGETS = ("requests", "answers", "forms", "json", "tokens", "claims", "paths", "sign-ups", "gateway", "forwarded")
_EXECUTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuzzed:
    """How a target fared."""

    name: str
    runs: int
    held: bool
    output: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack, print, write; returns the exit code."""
    options = _options(arguments)
    began, cases = time.monotonic(), read_cases()
    if options.page:
        PAGE.write_text(render(cases, read_results(), read_figures()), encoding="utf-8")
        return 0
    print(f"attack: seed {options.seed}", file=sys.stderr)
    outcomes, again = _run_tests(cases, options) if options.steps else ({}, 0)
    fuzzed = [_fuzz(name, options) for name in options.only or TARGETS] if options.fuzz_seconds else []
    results = {case.id: result_of(case, outcomes) for case in cases if case.tests}
    figures = _figures(cases, outcomes, results, fuzzed, options)
    figures["tests run again, alone"] = str(again)
    figures["seconds"] = f"{time.monotonic() - began:,.0f}"
    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, value)
    Console().print(table)
    broken = [case for case, result in results.items() if not held(result)] if options.steps else []
    for case in broken:
        print(f"attack: {case}: {results[case]}", file=sys.stderr)
    for each in fuzzed:
        if not each.held:
            print(f"attack: fuzzing {each.name} broke a promise:\n{each.output[-3000:]}", file=sys.stderr)
    if outcomes and fuzzed:
        PAGE.parent.mkdir(exist_ok=True)
        lines = ["| figure | value |", "|---|---|", *(f"| {name} | {value} |" for name, value in figures.items())]
        PAGE.write_text(render(cases, results, "\n".join(lines)), encoding="utf-8")
    return 1 if broken or not all(each.held for each in fuzzed) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make attack", description="Attack hookpoint and see whether it holds.")
    parser.add_argument("--long", action="store_true", help="100,000 steps of conversation, 30 minutes for each target")
    parser.add_argument("--steps", type=int, help="steps of random conversations (2,000); 0 runs no test at all")
    parser.add_argument("--fuzz-seconds", type=int, help="time for each target (10)")
    parser.add_argument(
        "--only", nargs="+", choices=TARGETS, metavar="TARGET", help=f"fuzz some of: {', '.join(TARGETS)}"
    )
    parser.add_argument("--page", action="store_true", help="only write the page again, with the results that it has")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31), help="repeat a run")
    parser.add_argument("--corpus", type=Path, default=PROJECT / ".fuzz", help="where inputs are kept from run to run")
    options = parser.parse_args(arguments)
    options.steps = options.steps if options.steps is not None else (100_000 if options.long else 2_000)
    if options.fuzz_seconds is None:
        options.fuzz_seconds = 1_800 if options.long else 10
    return options


def _run_tests(cases: Sequence[Case], options: argparse.Namespace) -> tuple[dict[str, str], int]:
    """Run the tests of all cases; returns what came of each by node id, and how many had to be run again.

    Those that do not pass beside others are run once more, one at a time: a machine that is too busy is no attack.
    """
    wanted = list(dict.fromkeys(test for case in cases for test in case.tests))
    side_by_side = ["-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile"]
    outcomes = _pytest(wanted, side_by_side, options)
    again = [test for test, outcome in outcomes.items() if outcome == "failed"]
    if again:
        print(f"attack: {len(again)} tests once more, one at a time", file=sys.stderr)
        outcomes |= _pytest(again, [], options)
    return outcomes, len(again)


def _pytest(tests: Sequence[str], how: Sequence[str], options: argparse.Namespace) -> dict[str, str]:
    with tempfile.TemporaryDirectory(prefix="hookpoint-attack-") as name:
        folder = Path(name)
        (folder / "tests").write_text("\n".join(tests))
        report = folder / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *how]
        environ = {
            **os.environ,
            "ATTACK_STEPS": str(options.steps),
            "ATTACK_SEED": str(options.seed),
        }
        subprocess.run(
            [*command, f"--junitxml={report}", f"@{folder / 'tests'}"], cwd=PROJECT, env=environ, check=False
        )
        return outcomes_of(report) if report.exists() else {}


def outcomes_of(report: Path) -> dict[str, str]:
    """What came of each test, by node id, as a JUnit report says."""
    outcomes: dict[str, str] = {}
    for found in ET.parse(report).getroot().iter("testcase"):
        path = found.get("classname", "").replace(".", "/")
        kinds = {child.tag for child in found} & {"failure", "error", "skipped"}
        outcome = "passed" if not kinds else "skipped" if kinds == {"skipped"} else "failed"
        node = f"{path}.py::{found.get('name')}"
        outcomes[node] = "failed" if outcomes.get(node) == "failed" else outcome
    return outcomes


def result_of(case: Case, outcomes: Mapping[str, str]) -> str:
    """How many tests of a case passed, failed, were skipped or not run."""
    counts = Counter[str]()
    for test in case.tests:
        mine = [result for name, result in outcomes.items() if name == test or name.startswith(f"{test}[")]
        counts.update(mine or ["not run"])
    return ", ".join(f"{count} {result}" for result, count in sorted(counts.items()))


def _fuzz(name: str, options: argparse.Namespace) -> Fuzzed:
    print(f"attack: fuzzing {name} for {options.fuzz_seconds} s", file=sys.stderr)
    command = [sys.executable, "-m", "tests.security.fuzz", name, str(options.fuzz_seconds), str(options.seed)]
    done = subprocess.run(
        [*command, str(options.corpus)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    executed = _EXECUTED.search(done.stdout)
    return Fuzzed(name=name, runs=int(executed[1]) if executed else 0, held=done.returncode == 0, output=done.stdout)


def _figures(
    cases: Sequence[Case],
    outcomes: Mapping[str, str],
    results: Mapping[str, str],
    fuzzed: Sequence[Fuzzed],
    options: argparse.Namespace,
) -> dict[str, str]:
    counts = Counter(outcomes.values())
    holding = sum(map(held, results.values()))
    figures = {
        "when": f"{datetime.now(UTC):%Y-%m-%d}, hookpoint {hookpoint.__version__}, Python {platform.python_version()}",
        "cases": f"{len(cases)}: {holding} held by tests, {len(cases) - len(results)} that cannot apply",
        "tests": ", ".join(f"{count:,} {result}" for result, count in sorted(counts.items())) or "not run",
        "steps of random conversations": f"{options.steps:,}, seed {options.seed}",
    }
    way = "led by coverage" if importlib.util.find_spec("atheris") else "random edits; atheris is not installed"
    for each in fuzzed:
        told = "nothing found" if each.held else "a promise broken"
        figures[f"fuzzing {each.name}"] = f"{each.runs:,} runs in {options.fuzz_seconds:,} s, {told}"
    figures["fuzzing"] = way
    return figures


if __name__ == "__main__":
    raise SystemExit(main())
