"""Writes the files of an import: all of them, or none."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from hookpoint.proxy.auth0_import.errors import FilesExistError


def write_files(folder: Path, files: Mapping[str, str], *, force: bool) -> None:
    """Write files below a folder, which is made if need be; what fails half-way leaves everything as it was.

    Raises FilesExistError where any of them is there and `force` is false.
    """
    targets = {folder / name: text for name, text in files.items()}
    present = [path for path in targets if path.exists() or path.is_symlink()]
    if present and not force:
        raise FilesExistError(present)
    with ExitStack() as undo:
        _make_folder(folder, undo)
        # In the same folder, so that files are moved and not copied.
        stage = Path(tempfile.mkdtemp(prefix=".hookpoint-import-", dir=folder))
        staged = undo.enter_context(ExitStack())
        staged.callback(shutil.rmtree, stage, ignore_errors=True)
        for number, (path, text) in enumerate(targets.items()):
            new = stage / f"{number}.new"
            new.write_bytes(text.encode())
            _make_folder(path.parent, undo)
            _put(new, path, stage / f"{number}.old", undo)
        undo.pop_all()
        shutil.rmtree(stage)


def _make_folder(folder: Path, undo: ExitStack) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir()
        undo.callback(each.rmdir)


def _put(new: Path, path: Path, old: Path, undo: ExitStack) -> None:
    if path.is_dir() and not path.is_symlink():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() or path.is_symlink():
        path.rename(old)
        undo.callback(old.replace, path)
    new.rename(path)
    undo.callback(path.unlink)
