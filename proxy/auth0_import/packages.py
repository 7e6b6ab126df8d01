"""Which npm packages go into which folder of scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

Package: TypeAlias = Mapping[str, str]

SHARED = "scripts"


class Packages:
    """One folder for all scripts, and one of its own for each script that needs another version of a package."""

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, str]] = {SHARED: {}}

    def folder_for(self, file: str, dependencies: Mapping[str, str]) -> str:
        """Return the folder of a script, and note what it needs there."""
        shared = self._folders[SHARED]
        conflict = any(shared.get(name, version) != version for name, version in dependencies.items())
        folder = f"{SHARED}/{file}" if conflict else SHARED
        self._folders.setdefault(folder, {}).update(dependencies)
        return folder

    def by_folder(self) -> Mapping[str, Package]:
        """The dependencies of each folder, by name."""
        return {folder: dict(sorted(needed.items())) for folder, needed in self._folders.items()}
