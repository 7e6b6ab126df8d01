"""`make attack` as a command: what it runs, and when it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.security.__main__ import outcomes_of, result_of
from tests.security.catalogue import PROJECT, Case

REPORT = """<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="tests.a.test_b" name="test_c[x]"/>
<testcase classname="tests.a.test_b" name="test_c[y]"><failure/></testcase>
<testcase classname="tests.a.test_b" name="test_d"><skipped/></testcase>
<testcase classname="tests.a.test_b" name="test_d"><error/></testcase>
</testsuite></testsuites>"""


def test_what_came_of_a_case_is_told_by_its_tests(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    outcomes = outcomes_of(report)
    assert outcomes == {
        "tests/a/test_b.py::test_c[x]": "passed",
        "tests/a/test_b.py::test_c[y]": "failed",
        "tests/a/test_b.py::test_d": "failed",
    }
    for tests, result in (
        (["tests/a/test_b.py::test_c"], "1 failed, 1 passed"),
        (["tests/a/test_b.py::test_c[x]"], "1 passed"),
        (["tests/a/test_b.py::test_e"], "1 not run"),
    ):
        assert result_of(Case(id="T1", says="it", tests=tests), outcomes) == result


def test_one_target_is_fuzzed_for_a_second(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.security", "--steps", "0", "--fuzz-seconds", "1", "--only", "forms"]
    done = subprocess.run(
        [*command, "--seed", "3", "--corpus", str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "seed 3" in done.stderr
    assert "fuzzing forms" in done.stdout
    assert "nothing found" in done.stdout
