"""What durable delivery tells of itself, for metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

DeliveryOutcome = Literal["done", "retried", "dead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many deliveries wait and are dead, how many calls are open and unknown, and the age of the oldest waiting event in seconds."""

    waiting: int = 0
    dead: int = 0
    open: int = 0
    unknown: int = 0
    oldest: float = 0.0


class DeliveryObserver(Protocol):
    """Is told of attempts and of the state of the queue."""

    def attempt(self, point: str, hook: str, outcome: DeliveryOutcome, /) -> None:
        """An attempt ended; `retried` will be tried again."""

    def counts(self, counts: Counts, /) -> None:
        """The state of the whole queue, from time to time; all processes of one database tell the same."""


class ObserveNothing:
    """The observer of those who do not measure."""

    def attempt(self, point: str, hook: str, outcome: DeliveryOutcome, /) -> None:
        """Pays no attention."""

    def counts(self, counts: Counts, /) -> None:
        """Pays no attention."""
