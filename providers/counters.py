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
    A charge that is not ``enforced`` is counted even when it is over, and reported. One that is ``for_delivery`` is given back
    when the message was sent but never delivered.
    """

    name: str
    key: str
    limit: int
    window: int
    amount: int = 1
    calendar: bool = False
    enforced: bool = True
    for_delivery: bool = False
    keep: int = 0
    """How many seconds a bucket can still be read after its end, if it does not count for longer anyway."""

    @property
    def kept(self) -> int:
        """How many seconds after its end a bucket must not be forgotten."""
        return max(self.keep, 0 if self.calendar else self.window)

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

    async def add(self, charges: Sequence[Charge], *, now: float) -> None:
        """Add the amounts, or take them away when they are negative, whatever the limits; a bucket never falls below zero."""
        ...

    async def read(self, charges: Sequence[Charge], *, now: float, buckets: int) -> list[list[int]]:
        """The counts of the last buckets of each charge, that of ``now`` first."""
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
    """For one process, and for tests."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[str, int], dict[int, int]] = defaultdict(dict)
        self._kept: dict[tuple[str, int], int] = {}

    async def take(self, charges: Sequence[Charge], *, now: float) -> Taken:
        """See :class:`Counters`; atomic because it never awaits."""
        taken = judge(charges, [self._counted(charge, now) for charge in charges], now=now)
        if taken.refused is None:
            await self.add(charges, now=now)
        return taken

    async def add(self, charges: Sequence[Charge], *, now: float) -> None:
        """See :class:`Counters`."""
        for charge in charges:
            self._add(charge, now)

    async def read(self, charges: Sequence[Charge], *, now: float, buckets: int) -> list[list[int]]:
        """See :class:`Counters`."""
        found = [(self._counts.get((charge.key, charge.step), {}), charge.bucket(now)) for charge in charges]
        return [[counts.get(newest - age, 0) for age in range(buckets)] for counts, newest in found]

    async def purge(self, *, now: float) -> None:
        """See :class:`Counters`."""
        for place, counts in list(self._counts.items()):
            oldest = now - self._kept[place]
            kept = {bucket: count for bucket, count in counts.items() if (bucket + 1) * place[1] >= oldest}
            if kept:
                self._counts[place] = kept
            else:
                del self._counts[place], self._kept[place]

    def _counted(self, charge: Charge, now: float) -> list[tuple[int, int]]:
        counts, first = self._counts.get((charge.key, charge.step), {}), charge.first(now)
        return [(bucket, count) for bucket, count in counts.items() if bucket >= first]

    def _add(self, charge: Charge, now: float) -> None:
        place, bucket = (charge.key, charge.step), charge.bucket(now)
        counts = self._counts[place]
        counts[bucket] = max(0, counts.get(bucket, 0) + charge.amount)
        self._kept[place] = max(self._kept.get(place, 0), charge.kept)
