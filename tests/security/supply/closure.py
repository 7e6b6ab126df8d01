"""What an installation of hookpoint consists of: itself, what it needs, and what that needs in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageMetadata, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "hookpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed package; `needs` are names of others of the closure."""

    name: str
    version: str
    licence: str
    summary: str
    needs: Sequence[str]


def installed_closure(root: str = ROOT) -> list[Package]:
    """The package and all that it needs as it is installed here, with its optional parts where they are installed; by name."""
    extras = frozenset(distribution(root).metadata.get_all("Provides-Extra") or ())
    found: dict[str, Package] = {}
    waiting: list[tuple[str, frozenset[str]]] = [(canonicalize_name(root), extras)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue  # an optional part that is not installed
        needs = _needs(installed, wanted)
        before = found[name].needs if name in found else ()
        metadata = installed.metadata
        found[name] = Package(
            name=name,
            version=installed.version,
            licence=_member(metadata, "License-Expression") or _member(metadata, "License"),
            summary=_member(metadata, "Summary"),
            needs=sorted({*before, *(each for each, _ in needs)}),
        )
        waiting += needs
    return [
        Package(
            name=each.name,
            version=each.version,
            licence=each.licence,
            summary=each.summary,
            needs=[name for name in each.needs if name in found],
        )
        for _, each in sorted(found.items())
    ]


def _needs(installed: Distribution, extras: frozenset[str]) -> list[tuple[str, frozenset[str]]]:
    requirements = [Requirement(text) for text in installed.requires or ()]
    return [
        (canonicalize_name(each.name), frozenset(each.extras))
        for each in requirements
        if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


def _member(metadata: PackageMetadata, name: str) -> str:
    """One line of metadata; empty where there is none, or, as some do with the licence, a whole text."""
    values = metadata.get_all(name) or [""]
    return values[0] if len(values[0]) < 200 and "\n" not in values[0] else ""
