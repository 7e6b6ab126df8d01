"""A circuit breaker: a hook that fails again and again is left alone for a while, then tried with one call."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

_LONGEST: Final = 60.0


class Breaker:
    """Opens after `threshold` failures in a row (0: never) for `pause` seconds, twice as long after each failed trial.

    The pause is lengthened by up to a quarter, so that machines do not come back together; never beyond a minute, or `pause`.
    """

    def __init__(
        self,
        *,
        threshold: int = 5,
        pause: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._threshold, self._pause = threshold, pause
        self._clock, self._draw = clock, draw
        self._failures = 0
        self._opened = 0
        self._until: float | None = None
        self._trying = False

    @property
    def failures(self) -> int:
        """How many calls failed in a row."""
        return self._failures

    @property
    def closed(self) -> bool:
        """Whether calls are made as usual."""
        return self._until is None

    def enter(self) -> bool:
        """Whether a call may be made; after every True comes one of `succeed`, `fail`, `leave`."""
        if self._until is None:
            return True
        if self._clock() < self._until or self._trying:
            return False
        self._trying = True
        return True

    def leave(self) -> None:
        """The call said nothing about the hook."""
        self._trying = False

    def succeed(self) -> None:
        """The hook answered."""
        self._trying = False
        self._failures = self._opened = 0
        self._until = None

    def fail(self) -> None:
        """The hook did not answer, or said that it cannot."""
        self._trying = False
        self._failures += 1
        if self._threshold and (self._until is not None or self._failures >= self._threshold):
            length = min(self._pause * 2**self._opened, max(_LONGEST, self._pause))
            self._opened += 1
            self._until = self._clock() + length * (1 + self._draw() / 4)
