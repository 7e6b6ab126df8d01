"""Memory of hookpoint under a long load of everything: `python -m bench.soak` fails when it is more than promised, or grows.

Prints a line for each minute. The load goes as fast as answers come: tokens that are signed again and kept, and requests that pass.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from bench.load import closed_loop
from bench.peers.direct import launch_origin
from bench.peers.hookpoint import launch
from bench.processes import Cores, Server, free_port, pinned, running
from bench.stage import set_stage
from bench.works import SMALL, TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

PROMISED: Final = 100e6
"""Bytes that a worker takes at most."""
FLAT: Final = 0.02
"""What the last fifth of the time may take more than the second one, as a part of it."""
_SLICE: Final = 5.0
_CONNECTIONS: Final = 16


def main(arguments: Sequence[str] | None = None) -> int:
    """Load, print, judge; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    minutes = parser.parse_args(arguments).minutes
    cores, port, behind = Cores.split(), free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="hookpoint-soak-") as name, pinned(cores.others):
        stage = set_stage(Path(name), behind)
        origin = running(launch_origin(stage, stage.folder / "upstream", behind), behind, SMALL.request, cores.others)
        hookpoint = launch(stage, stage.folder / "hookpoint", port, algorithm="RS256", keep_originals=True)
        with origin, running(hookpoint, port, TOKEN.request, cores.others) as server:
            taken = _soak(server, minutes * 60)
    broken = judge(taken)
    for each in broken:
        print(f"soak: {each}", file=sys.stderr)
    return 1 if broken else 0


def judge(taken: Sequence[float]) -> list[str]:
    """The promises that the resident bytes of a load, in their order, do not keep."""
    fifth = len(taken) // 5
    early, late, most = median(taken[fifth : 2 * fifth]), median(taken[-fifth:]), max(taken)
    broken = []
    if most > PROMISED:
        broken.append(f"{most / 1e6:.0f} MB, more than {PROMISED / 1e6:.0f}")
    if late > early * (1 + FLAT):
        broken.append(f"grows: {early / 1e6:.1f} MB in the second fifth of the time, {late / 1e6:.1f} MB in the last")
    return broken


def _soak(server: Server, seconds: float) -> list[float]:
    """Load a server for a while, and return what it took after each slice, in bytes."""
    begun, taken, answered, said = time.monotonic(), [], 0, 0
    for work in itertools.cycle((TOKEN, SMALL)):
        run = closed_loop(server.address, work.requests(), connections=_CONNECTIONS, seconds=min(_SLICE, seconds / 20))
        answered += len(run.latencies)
        taken.append(float(server.resident_bytes()))
        passed = time.monotonic() - begun
        if passed >= seconds or passed // 60 > said:
            said = int(passed // 60)
            print(f"{passed / 60:4.1f} min  {answered:9,} answers  {taken[-1] / 1e6:6.1f} MB", flush=True)
        if passed >= seconds:
            break
    return taken


if __name__ == "__main__":
    raise SystemExit(main())
