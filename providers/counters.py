"""Counting what was sent, so that limits hold: the contract of a counting store, and one in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

DIVISIONS = 60
"""A sliding window moves on in this many steps; one step more than the window is counted, so no limit is overrun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """``amount`` more under ``key``, of which ``limit`` fit into ``window`` seconds.

    ``key`` holds nothing readable. ``calendar`` windows begin at multiples of ``window`` since 1970 in UTC: days and hours.
    A charge that is not ``enforced`` is counted even when it is over, and reported.
    """

    name: str
    key: str
    limit: int
    window: int
    amount: int = 1
    calendar: bool = False
    enforced: bool = True

    @property
    def step(self) -> int:
        """The length of one counted bucket in seconds."""
        return self.window if self.calendar else max(1, self.window // DIVISIONS)

    def bucket(self, now: float) -> int:
        """The bucket that ``now`` falls into."""
        return int(now // self.step)

    def first(self, now: float) -> int:
        """The oldest bucket that still counts."""
        return self.bucket(now) if self.calendar else int((now - self.window) // self.step)

    def retry_after(self, now: float, counts: Sequence[tuple[int, int]]) -> float:
        """Seconds until this charge would fit, from the counted ``(bucket, count)`` without it."""
        if self.calendar or self.amount > self.limit:
            return (self.bucket(now) + 1) * self.step - now
        excess = sum(count for _, count in counts) + self.amount - self.limit
        for bucket, count in sorted(counts):
            excess -= count
            if excess <= 0:
                return max(0.0, (bucket + 1) * self.step + self.window - now)
        return float(self.window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """A charge that did not fit; ``retry_after`` is in seconds."""

    charge: Charge
    retry_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """``refused`` is the enforced charge that waits longest, and then nothing was counted; ``noted`` are the others over."""

    refused: Over | None = None
    noted: tuple[Over, ...] = ()


class Counters(Protocol):
    """Counts shared by all workers that share the store. ``now`` is the time in seconds since 1970."""

    async def take(self, charges: Sequence[Charge], *, now: float) -> Taken:
        """Count all charges, or none if an enforced one does not fit; atomic among all users of the store."""
        ...

    async def add(self, charge: Charge, amount: int, *, now: float) -> None:
        """Add to, or with a negative amount take from, the bucket of ``now``; a bucket never falls below zero."""
        ...

    async def read(self, charge: Charge, *, now: float, buckets: int) -> list[int]:
        """The counts of the last buckets, that of ``now`` first."""
        ...

    async def purge(self, *, now: float) -> None:
        """Forget what no longer counts."""
        ...


def judge(charges: Sequence[Charge], counts: Sequence[Sequence[tuple[int, int]]], *, now: float) -> Taken:
    """Decide over charges from what was counted before them."""
    overs = [
        Over(charge=charge, retry_after=charge.retry_after(now, counted))
        for charge, counted in zip(charges, counts, strict=True)
        if sum(count for _, count in counted) + charge.amount > charge.limit
    ]
    refused = [over for over in overs if over.charge.enforced]
    noted = tuple(over for over in overs if not over.charge.enforced)
    return Taken(refused=max(refused, key=lambda over: over.retry_after, default=None), noted=noted)


class MemoryCounters:
    """For one process, and for tests; ``keep`` is how long a bucket is kept in seconds."""

    def __init__(self, *, keep: float = 15 * 86400.0) -> None:
        self._keep = keep
        self._counts: defaultdict[tuple[str, int], dict[int, int]] = defaultdict(dict)

    async def take(self, charges: Sequence[Charge], *, now: float) -> Taken:
        """See :class:`Counters`; atomic because it never awaits."""
        taken = judge(charges, [self._counted(charge, now) for charge in charges], now=now)
        if taken.refused is None:
            for charge in charges:
                self._add(charge, charge.amount, now)
        return taken

    async def add(self, charge: Charge, amount: int, *, now: float) -> None:
        """See :class:`Counters`."""
        self._add(charge, amount, now)

    async def read(self, charge: Charge, *, now: float, buckets: int) -> list[int]:
        """See :class:`Counters`."""
        counts = self._counts.get((charge.key, charge.step), {})
        newest = charge.bucket(now)
        return [counts.get(newest - age, 0) for age in range(buckets)]

    async def purge(self, *, now: float) -> None:
        """See :class:`Counters`."""
        for (key, step), counts in list(self._counts.items()):
            kept = {bucket: count for bucket, count in counts.items() if (bucket + 1) * step > now - self._keep}
            if kept:
                self._counts[key, step] = kept
            else:
                del self._counts[key, step]

    def _counted(self, charge: Charge, now: float) -> list[tuple[int, int]]:
        counts, first = self._counts.get((charge.key, charge.step), {}), charge.first(now)
        return [(bucket, count) for bucket, count in counts.items() if bucket >= first]

    def _add(self, charge: Charge, amount: int, now: float) -> None:
        counts, bucket = self._counts[charge.key, charge.step], charge.bucket(now)
        counts[bucket] = max(0, counts.get(bucket, 0) + amount)
