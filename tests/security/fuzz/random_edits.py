"""What stands in for coverage-guided fuzzing where there is no build of it: seeds with random edits."""

from __future__ import annotations

import random
import time

from tests.security.fuzz.targets import Target


def run_for(target: Target, *, seconds: float, seed: int) -> int:
    """Run a target on edited seeds for a time; returns how often. Whatever it raises comes through."""
    chosen, runs, until = random.Random(seed), 0, time.monotonic() + seconds
    while time.monotonic() < until:
        data = bytearray(chosen.choice(target.seeds))
        for _ in range(chosen.randrange(6)):
            at, length = chosen.randrange(len(data) + 1), chosen.randrange(4)
            data[at : at + length] = chosen.randbytes(chosen.randrange(4))
        target.run(bytes(data))
        runs += 1
    return runs
