"""No proxy at all: the upstream itself, in a process that is measured like the others."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

from bench.peers.peer import Peer
from bench.processes import Launch

if TYPE_CHECKING:
    from pathlib import Path

    from bench.stage import Stage

ROOT_VARIABLE = "PYTHONPATH"


def launch_origin(stage: Stage, folder: Path, port: int) -> Launch:
    """Serve the documents of a stage."""
    command = [sys.executable, "-m", "bench.origin", "--port", str(port), "--folder", str(stage.folder)]
    return Launch(command=command, folder=folder, environment={ROOT_VARIABLE: _root()})


def _root() -> str:
    from bench import __file__ as package

    return str(package).rpartition("/bench/")[0]


PEERS = (
    Peer(
        name="direct",
        works=frozenset({"small", "large", "token", "sign-up"}),
        launch=launch_origin,
        version=lambda: f"asyncio.Protocol, Python {platform.python_version()}",
    ),
)
