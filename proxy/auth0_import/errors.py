"""Why an import does not happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class ExportError(Exception):
    """An export cannot be read. `place` is the file, `reason` what is wrong with it, `remedy` what to do."""

    code: ClassVar[str] = "export_unreadable"

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        super().__init__(f"{place}: {reason} {remedy}")
        self.place = place
        self.reason = reason
        self.remedy = remedy


class FilesExistError(Exception):
    """Files that an import would write are there already; nothing was written."""

    code: ClassVar[str] = "import_files_exist"

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(", ".join(map(str, paths)))
        self.paths = tuple(paths)
