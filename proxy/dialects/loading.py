"""Finds a dialect's file, what it extends, and puts both together."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from hookpoint.proxy.dialects.dialect import Dialect

FOLDER: Final = Path(__file__).parent
_MAX_DEPTH: Final = 8


class DialectError(ValueError):
    """A dialect file that cannot be used; the message names the file and every problem in it."""

    code = "dialect_invalid"


def dialect_names() -> list[str]:
    """The dialects that come with hookpoint."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_dialect(name: str) -> Dialect:
    """Load a dialect by its name, or by the path of its file; raises DialectError."""
    path = _path_of(name, Path())
    tables = _read(path)
    base = tables.pop("base", "")
    if not isinstance(base, str) or (base and not base.startswith("/")) or base.endswith("/"):
        raise DialectError(f'{path}: base: write a path such as "/auth", or "".')
    try:
        return Dialect.model_validate(_with_base(tables, base))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise DialectError(f"{path}: {problems}.") from None


def _path_of(name: str, folder: Path) -> Path:
    return folder / name if name.endswith(".toml") else FOLDER / f"{name}.toml"


def _read(path: Path, depth: int = 0) -> dict[str, Any]:
    """The tables of a file over those of what it extends."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DialectError(f"{path}: cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DialectError(f"{path}: is not TOML: {error}.") from None
    extends = tables.pop("extends", None)
    if extends is None:
        return tables
    if not isinstance(extends, str) or (not extends.endswith(".toml") and extends not in dialect_names()):
        raise DialectError(f"{path}: extends: write the path of a file, or one of {', '.join(dialect_names())}.")
    if depth == _MAX_DEPTH:
        raise DialectError(f"{path}: extends: goes round in a circle, or deeper than {_MAX_DEPTH} files.")
    return _merged(_read(_path_of(extends, path.parent), depth + 1), tables)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged, other values replaced; `false` in the place of a route takes it away."""
    merged = dict(below)
    for name, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(name), dict):
            merged[name] = _merged(below[name], value)
        elif value is False and isinstance(below.get(name), dict):
            del merged[name]
        else:
            merged[name] = value
    return merged


def _with_base(value: Any, base: str) -> Any:
    if isinstance(value, str):
        return value.replace("{base}", base)
    if isinstance(value, dict):
        return {name: _with_base(each, base) for name, each in value.items()}
    return [_with_base(each, base) for each in value] if isinstance(value, list) else value
