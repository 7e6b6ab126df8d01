"""What a peer is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from joserfc.jwk import KeySet

from bench.processes import Launch
from bench.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A server that is put in front of the upstream.

    `works` names what it can be measured on. `launch` is given the stage, a folder of its own and the port to listen on.
    `version` tells which one is measured, or raises Absent. `algorithm` is that of the tokens which leave it; `resigns` says
    that it adds the claim, and `keys` gives the keys to verify with, those it publishes at /jwks by default. `spread` lets it run on
    all cores. `commits` is how many commits of SQLite it waits for before it answers.
    """

    name: str
    works: frozenset[str]
    launch: Callable[[Stage, Path, int], Launch]
    version: Callable[[], str]
    algorithm: str = "RS256"
    resigns: bool = False
    keys: Callable[[Stage], KeySet] | None = None
    spread: bool = False
    commits: int = 0


class Absent(Exception):  # noqa: N818 - a state, not a failure
    """A peer cannot be measured here; the text says what is missing."""
