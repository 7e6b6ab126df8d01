"""What is counted of hooks that run after the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

from hookpoint.proxy.observability.series import Series

if TYPE_CHECKING:
    from hookpoint.hooks.deliveries import Counts, DeliveryOutcome


class DeliveryMetrics:
    """Implements `hookpoint.hooks.deliveries.DeliveryObserver`. The gauges are of the whole store, and every process tells the same."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics with `registry`."""
        self._attempts = Series(
            Counter(
                "hookpoint_delivery_attempts_total",
                "Attempts to run a hook after the answer.",
                ["point", "hook", "outcome"],
                registry=registry,
            )
        )
        self._deliveries = Series(
            Gauge(
                "hookpoint_deliveries",
                "Deliveries that wait for a hook (waiting), or that no attempt got through (dead).",
                ["state"],
                registry=registry,
                multiprocess_mode="livemostrecent",
            )
        )
        self._calls = Series(
            Gauge(
                "hookpoint_delivery_calls",
                "Calls to the server whose outcome is not known yet (open), or cannot be found out (unknown).",
                ["state"],
                registry=registry,
                multiprocess_mode="livemostrecent",
            )
        )
        self._oldest = Gauge(
            "hookpoint_deliveries_oldest_seconds",
            "Age of the oldest event that waits for a hook.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )

    def attempt(self, point: str, hook: str, outcome: DeliveryOutcome, /) -> None:
        """Count an attempt."""
        self._attempts.child(point, hook, outcome).inc()

    def counts(self, counts: Counts, /) -> None:
        """Set the state of the queue."""
        self._deliveries.child("waiting").set(counts.waiting)
        self._deliveries.child("dead").set(counts.dead)
        self._calls.child("open").set(counts.open)
        self._calls.child("unknown").set(counts.unknown)
        self._oldest.set(counts.oldest)
