"""Fastify with @fastify/reply-from, re-signing with jose: what a Node shop would write in an afternoon."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from joserfc.jwk import KeySet
from tests.partners.node import find_node
from tests.partners.requirement import PartnerMissingError

from bench.peers.peer import Absent, Peer
from bench.processes import Launch
from bench.stage import CLAIM, CLAIM_VALUE

if TYPE_CHECKING:
    from bench.stage import Stage

_FOLDER = Path(__file__).parent / "node"
_INSTALL_SECONDS = 240.0


def _launch(stage: Stage, folder: Path, port: int) -> Launch:
    node = find_node()
    arguments = [str(port), str(stage.upstream), str(stage.folder / "resigning.pem"), CLAIM, CLAIM_VALUE]
    environment = {**node.environment(), "NODE_ENV": "production"}
    return Launch(
        command=[str(node.executable), str(_FOLDER / "fastify.mjs"), *arguments],
        folder=folder,
        environment=environment,
    )


def _version() -> str:
    try:
        node = find_node()
    except PartnerMissingError as missing:
        raise Absent(str(missing)) from None
    lock = hashlib.sha256((_FOLDER / "package-lock.json").read_bytes()).hexdigest()
    stamp = _FOLDER / "node_modules" / ".stamp"
    if not stamp.is_file() or stamp.read_text() != lock:
        try:
            subprocess.run(
                [*node.npm, "ci", "--ignore-scripts", "--loglevel=error"],
                cwd=_FOLDER,
                env=node.environment(),
                capture_output=True,
                timeout=_INSTALL_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Absent(f"its npm packages cannot be installed: {error}") from None
        stamp.write_text(lock)
    return f"5.12.8 with reply-from 12.6.5, jose 6.2.17, Node {node.version}"


PEERS = (
    Peer(
        name="Fastify + jose",
        works=frozenset({"small", "large", "token"}),
        launch=_launch,
        version=_version,
        resigns=True,
        keys=lambda stage: KeySet([stage.resigning_key]),
    ),
)
