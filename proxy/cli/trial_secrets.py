"""Secrets for trying hooks: `--secrets NAME=VALUE`, or a file of them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_ASSIGNMENT = re.compile(r"(?:export\s+)?([^\s=#]+)\s*=\s*(.*)")


class SecretsError(Exception):
    """Secrets cannot be read; the text says which, and never a value."""


def read_secrets(given: Sequence[str]) -> Mapping[str, str]:
    """Read the values of --secrets, in their order: files in the form of `.env` or JSON, and single NAME=VALUE."""
    secrets: dict[str, str] = {}
    for each in given:
        path = Path(each)
        name, sign, value = each.partition("=")
        if path.is_file():
            secrets |= _read_file(path)
        elif sign and name:
            secrets[name] = value
        else:
            raise SecretsError(f"{each}: there is no such file, and it is not NAME=VALUE")
    return secrets


def variables_for(secrets: Mapping[str, str], configuration: Path | None) -> Mapping[str, str]:
    """The environment variables that a configuration takes hooks' secrets from, as far as these secrets say their values.

    A secret is meant by its own name, or by that of its variable.
    """
    variables = dict(secrets)
    for entry in _hooks_of(configuration):
        named = entry.get("secrets")
        for name, source in named.items() if isinstance(named, dict) else ():
            if isinstance(source, str) and source.startswith("env:") and name in secrets:
                variables.setdefault(source.removeprefix("env:"), secrets[name])
    return variables


def _hooks_of(configuration: Path | None) -> list[dict[str, Any]]:
    """The entries of a file; none where it cannot be read, which loading it says."""
    if configuration is None:
        return []
    try:
        entries = tomllib.loads(configuration.read_text(encoding="utf-8")).get("hooks", [])
    except (OSError, ValueError):
        return []
    return [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []


def _read_file(path: Path) -> Mapping[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
        if text.lstrip().startswith("{"):
            members = json.loads(text)
            return {name: value if isinstance(value, str) else json.dumps(value) for name, value in members.items()}
    except OSError as error:
        raise SecretsError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise SecretsError(f"{path}: this is neither NAME=VALUE lines nor a JSON object") from None
    return dict(_assigned(path, number, line) for number, line in enumerate(text.splitlines(), 1) if _says(line))


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _assigned(path: Path, number: int, line: str) -> tuple[str, str]:
    found = _ASSIGNMENT.fullmatch(line.strip())
    if found is None:
        raise SecretsError(f"{path}:{number}: this is not NAME=VALUE")
    value = found[2].strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return found[1], value[1:-1] if quoted else value
