"""The made-up tenant's export, in both forms."""

from __future__ import annotations

import shutil
from pathlib import Path

DIRECTORY = Path(__file__).parent / "export"


def yaml_form(folder: Path) -> Path:
    """Lay out the single-file form in a folder: tenant.yaml beside the scripts, as the Deploy CLI does."""
    shutil.copy(DIRECTORY.parent / "tenant.yaml", folder)
    for scripts in ("hooks", "actions"):
        shutil.copytree(DIRECTORY / scripts, folder / scripts, ignore=shutil.ignore_patterns("*.json"))
    return folder


def directory_form(folder: Path) -> Path:
    """Copy the form of folders, for tests that change something in it."""
    return Path(shutil.copytree(DIRECTORY, folder / "export"))
