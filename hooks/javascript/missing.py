"""Npm packages that are not there: which command installs them."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from hookpoint.hooks.javascript.script import Script

_PACKAGE = re.compile(r"(?:@[a-z0-9~-][\w.~-]*/)?[a-z0-9~-][\w.~-]*", re.IGNORECASE)
_EXACT = re.compile(r"\d+\.\d+\.\d+\S*")


def install_hint(script: Script, module: str) -> str:
    """What to do about a module that was not found."""
    found = _PACKAGE.match(module)
    if found is None or module.startswith((".", "/")):
        return "There is no such file."
    package = found[0]
    folder = script.path.parent
    if package in script.dependencies:
        return f"Run: {_npm(folder, f'{package}@{script.dependencies[package]}')}"
    if package in _declared(folder):
        return f"Run: npm install --prefix {shlex.quote(str(folder))}"
    return f"Run: {_npm(folder, package)}"


def missing_dependencies(script: Script) -> Iterator[tuple[str, str]]:
    """The configured packages that are not installed, or not at that version, and what to do about each."""
    for package, version in script.dependencies.items():
        installed = _installed(script.path.parent, package)
        if installed is None:
            yield f"needs the package {package!r}, which is not installed", install_hint(script, package)
        elif _EXACT.fullmatch(version) and installed != version:
            yield f"needs {package} {version}, and {installed} is installed", install_hint(script, package)


def _npm(folder: Path, package: str) -> str:
    return f"npm install --prefix {shlex.quote(str(folder))} {shlex.quote(package)}"


def _declared(folder: Path) -> Mapping[str, object]:
    found = _read(folder / "package.json").get("dependencies")
    return found if isinstance(found, Mapping) else {}


def _installed(folder: Path, package: str) -> str | None:
    """The version that Node.js would find from a folder."""
    for place in (folder, *folder.parents):
        version = _read(place / "node_modules" / package / "package.json").get("version")
        if isinstance(version, str):
            return version
    return None


def _read(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, Mapping) else {}
