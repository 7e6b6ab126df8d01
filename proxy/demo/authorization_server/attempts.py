"""Bounds on what may be tried again and again: passwords, codes, messages."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from hookpoint.proxy.demo.authorization_server.tokens import Clock

_MOST_KEYS = 10_000


@dataclass(slots=True, kw_only=True)
class Attempts:
    """Lets `most` attempts through for each key in `window` seconds, which begin with the first of them.

    An attempt counts when it begins, so that many at once are no way around.
    """

    most: int
    window: float
    clock: Clock
    _counted: dict[Hashable, tuple[float, int]] = field(default_factory=dict)

    def take(self, key: Hashable) -> bool:
        """Count an attempt; False when there were too many."""
        now = self.clock()
        if len(self._counted) >= _MOST_KEYS:
            self._counted = {each: seen for each, seen in self._counted.items() if seen[0] + self.window > now}
        since, count = self._counted.get(key, (now, 0))
        if since + self.window <= now:
            since, count = now, 0
        self._counted[key] = (since, count + 1)
        return count < self.most

    def forget(self, key: Hashable) -> None:
        """Begin anew, as after a success."""
        self._counted.pop(key, None)
