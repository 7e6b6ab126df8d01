"""The type checkers, and where they see errors."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.partners.node import node_modules, require_node

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SECONDS = 300.0
_MYPY_ERROR = re.compile(r"^(?P<file>.+?):(?P<line>\d+): error: (?P<message>.*)$", re.MULTILINE)
_MYPY_COUNT = re.compile(r"(?:checked|in) (\d+) source files?\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a checker said: how many files it looked at, and the messages by line."""

    files: int
    errors: dict[int, list[str]]


def check_with_mypy(root: Path, files: Sequence[Path]) -> Findings:
    """Run mypy with the project's configuration, which is strict."""
    done = _run([sys.executable, "-m", "mypy", *map(str, files)], root)
    counted = _MYPY_COUNT.search(done.stdout)
    assert counted is not None, done.stdout + done.stderr
    errors: dict[int, list[str]] = {}
    for match in _MYPY_ERROR.finditer(done.stdout):
        errors.setdefault(int(match["line"]), []).append(f"{match['file']}: {match['message']}")
    return Findings(files=int(counted[1]), errors=errors)


def check_with_pyright(root: Path, files: Sequence[Path], folder: Path, *, strict: bool = False) -> Findings:
    """Run the pinned pyright with Node; its configuration is written into `folder`."""
    node = require_node()
    configuration = {
        "include": [os.path.relpath(file, folder) for file in files],
        "extraPaths": [str(root / "src")],
        "pythonVersion": "3.11",
        "typeCheckingMode": "strict" if strict else "standard",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(configuration))
    command = [str(node.executable), str(node_modules() / "pyright" / "index.js")]
    done = _run([*command, "--outputjson", "--pythonpath", sys.executable, "--project", str(folder)], root)
    said = json.loads(done.stdout)
    errors: dict[int, list[str]] = {}
    for each in said["generalDiagnostics"]:
        if each["severity"] == "error":
            errors.setdefault(each["range"]["start"]["line"] + 1, []).append(f"{each['file']}: {each['message']}")
    return Findings(files=said["summary"]["filesAnalyzed"], errors=errors)


def _run(command: list[str], root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=SECONDS, check=False)
