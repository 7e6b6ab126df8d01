"""What is measured in one run: peers side by side, and how hookpoint goes with hooks, workers, sizes, connections and delays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.peers import SWEEP
from bench.rounds import Suite
from bench.table import FIGURES, SWEEP_FIGURES, Figure
from bench.works import BODIES, CROWDS, DELAYED, TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.peers.peer import Peer

_PASSING = ("direct", "nginx", "hookpoint")
_PASSED = (*BODIES, *CROWDS, *DELAYED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A suite with the figures that its table shows."""

    title: str
    suite: Suite
    figures: Sequence[Figure]


def side_by_side(peers: Sequence[Peer]) -> Measurement:
    """All peers on the same work."""
    return Measurement(title="Side by side", suite=Suite(peers=peers), figures=FIGURES)


def sweeps(peers: Sequence[Peer]) -> Measurement:
    """hookpoint with nginx and nothing beside it, while one thing at a time changes."""
    chosen = [replace(peer, works=_sweep_works(peer)) for peer in peers if peer.name in _PASSING]
    suite = Suite(peers=[*chosen, *SWEEP], works=(TOKEN, *BODIES, *CROWDS), timed=DELAYED, alone=())
    return Measurement(title="What it depends on", suite=suite, figures=SWEEP_FIGURES)


def _sweep_works(peer: Peer) -> frozenset[str]:
    passed = frozenset(work.name for work in _PASSED)
    return passed | {TOKEN.name} if peer.name == "hookpoint" else passed | {"small"}
