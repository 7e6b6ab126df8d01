"""`api.cache`: what Actions of one trigger keep, for as long as hookpoint runs. Its limits are in worker/cache.mjs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

Record = Mapping[str, Any]


def wall_clock() -> float:
    """Milliseconds since 1970, as JavaScript counts time."""
    return time.time() * 1000


class ActionCache:
    """Texts by key, each with the time at which it ends."""

    def __init__(self, clock: Callable[[], float] = wall_clock) -> None:
        self._clock = clock
        self._records: dict[str, Record] = {}

    def snapshot(self) -> tuple[float, Mapping[str, Record]]:
        """The time, and what is there then."""
        now = self._clock()
        self._records = {key: record for key, record in self._records.items() if record["expires_at"] > now}
        return now, self._records

    def write(self, writes: object) -> None:
        """Apply what an Action wrote: pairs of a key and a record, or null for one that is to go."""
        for write in writes if isinstance(writes, list) else ():
            match write:
                case [str(key), None]:
                    self._records.pop(key, None)
                case [str(key), {"value": str(), "expires_at": int() | float()} as record]:
                    self._records[key] = record
