"""hookpoint in front of sign-ups: with a hook before them alone, and with one that is told of each afterwards, which is stored first."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from bench.peers.hookpoint import launch
from bench.peers.peer import Peer
from bench.works import SIGN_UP
from hookpoint import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from bench.processes import Launch
    from bench.stage import Stage

_BEFORE = """
from hookpoint.hooks import PostUserRegistration, PreUserRegistration, post_user_registration, pre_user_registration


@pre_user_registration
async def look(event: PreUserRegistration) -> None:
    return None
"""
_AFTER = """

@post_user_registration
async def hear(event: PostUserRegistration) -> None:
    return None
"""


def _launch(stage: Stage, folder: Path, port: int, *, hooks: str) -> Launch:
    launched = launch(stage, folder, port)
    (folder / "hooks.py").write_text(hooks)
    return replace(launched, environment={**launched.environment, "HOOKPOINT_UPSTREAM__DIALECT": "auth0"})


def _peer(name: str, hooks: str, *, commits: int = 0) -> Peer:
    return Peer(
        name=name,
        works=frozenset({SIGN_UP.name}),
        launch=partial(_launch, hooks=hooks),
        version=lambda: f"{__version__}, events in SQLite",
        commits=commits,
    )


PEERS = (_peer("hook before", _BEFORE), _peer("hooks before and after", _BEFORE + _AFTER, commits=2))
