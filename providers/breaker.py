"""A circuit breaker for each provider: one that fails is left alone for a while, then tried with one message."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from hookpoint.providers.message import Status


class State(StrEnum):
    """Whether messages go through."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Opens after ``threshold`` failures in a row, or when too few of the last messages were delivered.

    ``cooldown`` is in seconds, is lengthened by up to a quarter so that machines do not come back together, and doubles with
    each failed trial up to ``longest``. ``clock`` is monotonic.
    """

    def __init__(
        self,
        *,
        threshold: int = 3,
        cooldown: float = 30.0,
        longest: float = 600.0,
        undelivered: float = 0.5,
        sample: int = 20,
        clock: Callable[[], float] = time.monotonic,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._threshold, self._cooldown, self._longest = threshold, cooldown, longest
        self._undelivered = undelivered
        self._clock, self._draw = clock, draw
        self._failures = 0
        self._opened = 0
        self._until: float | None = None
        self._trying = False
        self._outcomes: deque[bool] = deque(maxlen=sample)

    @property
    def state(self) -> State:
        """What :meth:`enter` would find now."""
        if self._until is None:
            return State.CLOSED
        return State.OPEN if self._clock() < self._until else State.HALF_OPEN

    def enter(self) -> bool:
        """Whether a message may be sent now; every True must be followed by one of the outcomes below."""
        state = self.state
        if state is State.CLOSED:
            return True
        if state is State.OPEN or self._trying:
            return False
        self._trying = True
        return True

    def leave(self) -> None:
        """The attempt said nothing about the provider's health."""
        self._trying = False

    def succeed(self) -> None:
        """The provider answered as it should."""
        self._trying = False
        self._failures = self._opened = 0
        self._until = None

    def fail(self, *, wait: float | None = None) -> None:
        """The provider failed; ``wait`` in seconds is its own word on when to come back, and opens at once."""
        trial = self._until is not None
        self._trying = False
        self._failures += 1
        if wait is not None:
            self._until = self._clock() + min(wait, self._longest)
        elif trial or self._failures >= self._threshold:
            self._open()

    def report(self, status: Status) -> None:
        """Take a final delivery status into account."""
        if not status.final:
            return
        self._outcomes.append(status is Status.DELIVERED)
        lost = self._outcomes.count(False)
        full = len(self._outcomes) == self._outcomes.maxlen
        if full and lost / len(self._outcomes) > self._undelivered and self.state is State.CLOSED:
            self._outcomes.clear()
            self._open()

    def _open(self) -> None:
        length = min(self._cooldown * 2**self._opened, self._longest)
        self._opened += 1
        self._until = self._clock() + length * (1 + self._draw() / 4)
