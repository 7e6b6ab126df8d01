"""From who stores an event to the worker of the same process, without a look at the queue in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hookpoint.hooks.deliveries.queue import Leased


def lease_nothing(hook: str) -> float:
    """The lease of a worker that takes nothing."""
    return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a worker would run at once: so many deliveries at `most`, each its own for as many seconds as `lease_of` says of its hook."""

    owner: str = ""
    most: int = 0
    lease_of: Callable[[str], float] = lease_nothing


NO_OFFER = Offer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What came of an event: the deliveries that the worker has already, and whether others may be due."""

    leased: Sequence[Leased] = ()
    others: bool = False


class Taker(Protocol):
    """The worker of a process."""

    def offer(self, wanted: int) -> Offer:
        """Keep room for as many deliveries, or for what there is; each offer is answered by one `take`."""
        ...

    def take(self, offer: Offer, settled: Settled) -> None:
        """Run what was leased under the offer, and look for others."""
        ...


class TakeNothing:
    """In place of a worker where there is none."""

    def offer(self, wanted: int) -> Offer:
        """Nothing."""
        return NO_OFFER

    def take(self, offer: Offer, settled: Settled) -> None:
        """Leaves it to other processes."""
