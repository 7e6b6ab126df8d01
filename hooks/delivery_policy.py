"""When a delivery is tried again, and for how long what is finished is kept."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

# Near the schedule that Standard Webhooks recommends; a little more than two days together.
BACKOFF: Final = (5.0, 60.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 64800.0)
_JITTER: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPolicy:
    """Times are in seconds.

    `attempts` is how often a hook is tried that sets no number of its own, `backoff` how long after each failure, the last again and
    again; both up to a fifth more or less, so that what failed together does not come back together. `timeout` is the limit of a hook
    that sets none. `lease` is how long a delivery, beyond the limit of its hook, stays with a process that died with it.
    `outcome_after` is when a call that began must have ended one way or the other; then its outcome is looked up, `lookups` times at
    most. `keep_done` and `keep_dead` say how long finished deliveries stay.
    """

    attempts: int = len(BACKOFF) + 1
    backoff: tuple[float, ...] = BACKOFF
    timeout: float = 30.0
    lease: float = 10.0
    outcome_after: float = 70.0
    lookups: int = 5
    lookup_timeout: float = 10.0
    keep_done: float = 86400.0
    keep_dead: float = 30 * 86400.0

    def pause(self, attempt: int, rng: random.Random) -> float:
        """How long to wait after the failure of an attempt, counted from 1."""
        return self.backoff[min(attempt, len(self.backoff)) - 1] * rng.uniform(1 - _JITTER, 1 + _JITTER)
