"""The objects of an export by section, from either of its two forms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hookpoint.proxy.auth0_import.errors import ExportError
from hookpoint.proxy.auth0_import.keywords import hide_in_yaml, quote_in_json, restore

# Sections by their names in the YAML form, with the folders and files that the directory form has for them.
FOLDERS: Mapping[str, str] = {
    "hooks": "hooks/*.json",
    "actions": "actions/*.json",
    "actionModules": "action-modules/*.json",
    "clients": "clients/*.json",
    "clientGrants": "grants/*.json",
    "resourceServers": "resource-servers/*.json",
    "rules": "rules/*.json",
    "databases": "database-connections/*/database.json",
    "tokenExchangeProfiles": "token-exchange-profiles/*.json",
}
SINGLE_FILES: Mapping[str, str] = {
    "triggers": "triggers/triggers.json",
    "tenant": "tenant.json",
    "phoneProviders": "phone-providers/provider.json",
}
YAML_NAMES = ("tenant.yaml", "tenant.yml")
_HALF = "an escape in it is half a character (a lone surrogate)"
_HINT = "Name what the Deploy CLI wrote: a folder with hooks/ and actions/ in it, or tenant.yaml."


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One object of an export, and the place to name in errors."""

    place: str
    value: Any


@dataclass(slots=True, kw_only=True)
class Sections:
    """All that was read, by section; `root` is where relative paths start."""

    root: Path
    place: str
    found: dict[str, list[Found]] = field(default_factory=dict)


def read_sections(path: Path) -> Sections:
    """Read a folder or a YAML file; raises ExportError where it is no export."""
    if path.is_file():
        return _read_yaml(path)
    if not path.is_dir():
        raise ExportError(str(path), "there is no such folder.", _HINT)
    yamls = [path / name for name in YAML_NAMES if (path / name).is_file()]
    files = dict(_files_of(path))
    if yamls and any(files.values()):
        one = next(each for each in files.values() if each)[0]
        reason = f"this holds both {yamls[0].name} and {one.relative_to(path)}: two forms of an export."
        raise ExportError(str(path), reason, f"Name {yamls[0]} if that is the one, or remove it.")
    if yamls:
        return _read_yaml(yamls[0])
    if not any(files.values()):
        raise ExportError(
            str(path), "this is no export: it holds neither hooks/, nor actions/, nor tenant.yaml.", _HINT
        )
    return _read_folder(path, files)


def _files_of(path: Path) -> Iterator[tuple[str, Sequence[Path]]]:
    for section, pattern in {**FOLDERS, **SINGLE_FILES}.items():
        yield section, sorted(path.glob(pattern))


def _read_folder(path: Path, files: Mapping[str, Sequence[Path]]) -> Sections:
    sections = Sections(root=path, place=str(path))
    for section, paths in files.items():
        for file in paths:
            place = str(file.relative_to(path))
            text = read_text(file, place)
            value = _parse_json(text, place)
            values = value if section == "phoneProviders" and isinstance(value, list) else [value]
            sections.found.setdefault(section, []).extend(Found(place=place, value=each) for each in values if each)
    return sections


def _read_yaml(path: Path) -> Sections:
    text = read_text(path, path.name)
    sections = Sections(root=path.parent, place=str(path))
    document = _parse_yaml(text, path.name)
    known = FOLDERS.keys() | SINGLE_FILES.keys()
    if not isinstance(document, dict) or not known & document.keys():
        raise ExportError(str(path), "this is no export: it has none of the sections hooks, actions, triggers …", _HINT)
    for section in document.keys() & known:
        value = document[section]
        listed = section in FOLDERS or section == "phoneProviders"
        if listed and not isinstance(value, list | None):
            raise ExportError(path.name, f"{section} is not a list.", "Correct it, or export again.")
        values = value or [] if listed else [value]
        sections.found[section] = [
            Found(place=f"{path.name}: {section}[{at}]" if listed else f"{path.name}: {section}", value=each)
            for at, each in enumerate(values)
            if each
        ]
    return sections


def read_text(path: Path, place: str) -> str:
    """The text of a file, line ends as they are; raises ExportError."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ExportError(
            place, f"cannot be read: {error.strerror or type(error).__name__}.", "Export again."
        ) from None
    except UnicodeDecodeError:
        raise ExportError(place, "this is not UTF-8 text.", "Save it as UTF-8.") from None


def _parse_json(text: str, place: str) -> Any:
    try:
        value = json.loads(quote_in_json(text.removeprefix("\ufeff")))
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ExportError(place, f"{_HALF}.", "Correct the file.") from None
    except json.JSONDecodeError as error:
        raise ExportError(f"{place}:{error.lineno}", f"this is not JSON: {error.msg}.", "Correct the file.") from None
    except RecursionError:
        raise ExportError(place, "this is nested too deep.", "Correct the file.") from None
    return value


class _Loader(yaml.SafeLoader):
    """Reads YAML as the Deploy CLI does, with placeholders as texts; numbers and dates stay the texts they are written as."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, Any]]] = {}  # noqa: RUF012 - the library's own attribute

    def construct_plain_text(self, node: yaml.ScalarNode) -> str:
        """A text, its placeholders restored."""
        text = str(self.construct_scalar(node))
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise yaml.constructor.ConstructorError(None, None, _HALF, node.start_mark)
        return restore(text)


def _resolve(tag: str, *texts: str) -> None:
    for text in texts:
        resolvers = _Loader.yaml_implicit_resolvers.setdefault(text[:1], [])
        resolvers.append((tag, _Exactly(text)))


class _Exactly:
    """Matches one text; what the library asks of its patterns."""

    def __init__(self, text: str) -> None:
        self._text = text

    def match(self, text: str) -> bool:
        """Tell whether it is this text."""
        return text == self._text


# YAML 1.2 core: unlike YAML 1.1, `no` and `on` are texts.
_resolve("tag:yaml.org,2002:bool", "true", "True", "TRUE", "false", "False", "FALSE")
_resolve("tag:yaml.org,2002:null", "null", "Null", "NULL", "~", "")
_resolve("tag:yaml.org,2002:merge", "<<")
_Loader.add_constructor("tag:yaml.org,2002:str", _Loader.construct_plain_text)


def _parse_yaml(text: str, place: str) -> Any:
    try:
        return yaml.load(hide_in_yaml(text.removeprefix("\ufeff")), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        where = f"{place}:{error.problem_mark.line + 1}" if error.problem_mark else place
        raise ExportError(where, f"this is not YAML: {error.problem}.", "Correct the file.") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ExportError(place, f"this is not YAML: {type(error).__name__}.", "Correct the file.") from None
