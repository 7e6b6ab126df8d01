"""A wall clock for `hookpoint serve` that a test moves: Python's own, off by as many whole seconds as a file says."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

_SITE = """
import os
import time

real, real_ns, control = time.time, time.time_ns, os.environ["TESTS_CLOCK"]


def offset():
    with open(control) as file:
        return int(file.read())


time.time = lambda: real() + offset()
time.time_ns = lambda: real_ns() + offset() * 10**9
"""
"""A sitecustomize module, which Python runs before anything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovableClock:
    """The clock of every process that is started with `environment`."""

    control: Path

    @classmethod
    def create(cls, folder: Path) -> MovableClock:
        """Make a clock that is right so far; `folder` is for it alone."""
        folder.mkdir(parents=True)
        (folder / "sitecustomize.py").write_text(_SITE)
        clock = cls(control=folder / "clock")
        clock.move(0)
        return clock

    @property
    def environment(self) -> dict[str, str]:
        """What a process must have to run by it."""
        return {"PYTHONPATH": str(self.control.parent), "TESTS_CLOCK": str(self.control)}

    def move(self, offset: int) -> None:
        """Let it be off by so many seconds from now on."""
        new = self.control.with_name("new")
        new.write_text(str(offset))
        new.replace(self.control)

    def set(self, now: float) -> float:
        """Move it to a time in seconds since 1970, or up to a second after that; returns which."""
        offset = math.ceil(now - time.time())
        self.move(offset)
        return time.time() + offset
