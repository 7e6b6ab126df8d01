"""`hooks test --watch`: runs it again, in a process of its own, whenever a file that it may depend on has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.rule import Rule

_SUFFIXES: Final = frozenset({".py", ".js", ".mjs", ".cjs", ".json", ".toml", ".env"})
_NOT_OURS: Final = frozenset({"node_modules", "__pycache__"})
_PAUSE: Final = 0.3  # between two looks, in seconds
_COMMAND: Final = ("-c", "from hookpoint.proxy.cli import main; main()")

State = Mapping[Path, tuple[int, int]]


def watch(arguments: Sequence[str], folder: Path, files: Sequence[Path]) -> None:
    """Run the command with these arguments, and again after each change below the folder or of the files, until Ctrl+C."""
    console = Console()
    try:
        while True:
            seen = _state(folder, files)
            subprocess.run([sys.executable, *_COMMAND, *arguments], check=False)  # noqa: S603 - this very command
            console.print(Rule(f"{datetime.now():%H:%M:%S}, waiting for changes; Ctrl+C ends", style="dim"))  # noqa: DTZ005
            while _state(folder, files) == seen:
                time.sleep(_PAUSE)
    except KeyboardInterrupt:
        return


def _state(folder: Path, files: Sequence[Path]) -> State:
    """When each file was last changed, and its size."""
    found: dict[Path, tuple[int, int]] = {}
    for path in (*_below(folder), *files):
        try:
            status = path.stat()
        except OSError:  # on its way to be replaced
            continue
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def _below(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each not in _NOT_OURS and not each.startswith(".")]
        yield from (Path(place, name) for name in names if Path(name).suffix in _SUFFIXES or name == ".env")
