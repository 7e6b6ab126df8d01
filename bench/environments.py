"""Peers from PyPI: each in a virtual environment of its own, so that their dependencies meet neither ours nor one another's."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from bench.peers.peer import Absent

_FOLDER = Path(sys.prefix) / "peers"
_INSTALL_SECONDS = 300.0


def environment(name: str, *requirements: str) -> Path:
    """The folder of the programs of an environment with these requirements; it is made once. Raises Absent."""
    folder = _FOLDER / name
    stamp, wanted = folder / ".stamp", hashlib.sha256("\n".join(requirements).encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != wanted:
        _install(folder, requirements)
        stamp.write_text(wanted)
    return folder / "bin"


def _install(folder: Path, requirements: tuple[str, ...]) -> None:
    python = folder / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
    ):
        try:
            subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
            raise Absent(f"{', '.join(requirements)} cannot be installed: {''.join(reason)}") from None
