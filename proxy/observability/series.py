"""The children of a metric, found without the cost of looking them up."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram

M = TypeVar("M", Counter, Gauge, Histogram)
_SERIES: Final = 500
OTHER: Final = "other"


class Series(Generic[M]):
    """The children of one metric, found by their labels."""

    def __init__(self, metric: M) -> None:
        self._metric: M = metric
        self._children: dict[tuple[str, ...], M] = {}

    def child(self, *labels: str) -> M:
        """The child with these labels."""
        child = self._children.get(labels)
        if child is None:
            if len(self._children) >= _SERIES:
                labels = (OTHER,) * len(labels)
            child = self._children[labels] = self._metric.labels(*labels)
        return child
