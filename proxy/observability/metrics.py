"""What is counted and timed, for Prometheus."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from hookpoint.proxy.observability.deliveries import DeliveryMetrics
from hookpoint.proxy.observability.series import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_MULTIPROCESS: Final = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """The measurements of one process; every method costs about a dictionary look-up.

    Labels take few values by contract: `route` is the kind of a route and never a path. Should a caller break it, series
    past the five-hundredth of a metric are counted as `other`.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register all metrics with `registry`."""
        self.registry = registry
        self.deliveries = DeliveryMetrics(registry)
        self._requests = Series(
            Counter("hookpoint_requests_total", "Requests answered.", ["route", "outcome"], registry=registry)
        )
        self._request_seconds = Series(
            Histogram(
                "hookpoint_request_seconds",
                "Time to the end of an answer.",
                ["route"],
                registry=registry,
                buckets=_SECONDS,
            )
        )
        self._hook_seconds = Series(
            Histogram(
                "hookpoint_hook_seconds",
                "Time that hooks took.",
                ["point", "hook", "outcome"],
                registry=registry,
                buckets=_SECONDS,
            )
        )
        self._upstream_seconds = Series(
            Histogram(
                "hookpoint_upstream_seconds",
                "Time from a request to the upstream to its response headers.",
                ["outcome"],
                registry=registry,
                buckets=_SECONDS,
            )
        )
        self._upstream_connections = Series(
            Gauge(
                "hookpoint_upstream_connections",
                "Connections to the upstream.",
                ["state"],
                registry=registry,
                multiprocess_mode="livesum",
            )
        )
        self._tokens_signed = Series(
            Counter("hookpoint_tokens_signed_total", "Tokens signed.", ["algorithm"], registry=registry)
        )
        self._jwks_fetches = Series(
            Counter("hookpoint_jwks_fetches_total", "Fetches of the upstream's keys.", ["outcome"], registry=registry)
        )
        self._upstream_tokens_leaked = Counter(
            "hookpoint_upstream_tokens_leaked_total",
            "Answers that passed with a token of the upstream in them.",
            registry=registry,
        )

        self._sms_messages = Series(
            Counter(
                "hookpoint_sms_messages_total",
                "Phone messages that were asked for, by who delivered them and what came of it.",
                ["by", "outcome"],
                registry=registry,
            )
        )
        self._sms_attempts = Series(
            Counter(
                "hookpoint_sms_attempts_total",
                "Phone messages that were handed to a provider.",
                ["provider", "kind", "country", "outcome"],
                registry=registry,
            )
        )
        self._sms_attempt_seconds = Series(
            Histogram(
                "hookpoint_sms_attempt_seconds",
                "Time that a provider took to answer.",
                ["provider"],
                registry=registry,
                buckets=_SECONDS,
            )
        )
        self._sms_reports = Series(
            Counter(
                "hookpoint_sms_reports_total",
                "Delivery reports that said something new.",
                ["provider", "status"],
                registry=registry,
            )
        )
        self._sms_circuits = Series(
            Gauge(
                "hookpoint_sms_circuit_open",
                "1 while a provider is left alone after failures.",
                ["provider"],
                registry=registry,
                multiprocess_mode="livemax",
            )
        )

    def request(self, route: str, outcome: str, seconds: float) -> None:
        """Count a request that was answered, `seconds` after it began."""
        self._requests.child(route, outcome).inc()
        self._request_seconds.child(route).observe(seconds)

    def hook(self, point: str, hook: str, outcome: str, seconds: float) -> None:
        """Time one run of a hook."""
        self._hook_seconds.child(point, hook, outcome).observe(seconds)

    def upstream(self, seconds: float, outcome: str) -> None:
        """Time one call to the upstream."""
        self._upstream_seconds.child(outcome).observe(seconds)

    def upstream_connections(self, state: str, count: int) -> None:
        """Set how many connections to the upstream are in a state."""
        self._upstream_connections.child(state).set(count)

    def token_signed(self, algorithm: str) -> None:
        """Count a token that was signed."""
        self._tokens_signed.child(algorithm).inc()

    def upstream_token_leaked(self) -> None:
        """Count an answer that passed with a token of the upstream in it."""
        self._upstream_tokens_leaked.inc()

    def sms_message(self, by: str, outcome: str) -> None:
        """Count a phone message: `by` is a provider, `hook`, or `none` when nobody delivered it."""
        self._sms_messages.child(by, outcome).inc()

    def sms_attempt(self, provider: str, *, kind: str, country: str, outcome: str, seconds: float) -> None:
        """Count and time one try at one provider."""
        self._sms_attempts.child(provider, kind, country, outcome).inc()
        self._sms_attempt_seconds.child(provider).observe(seconds)

    def sms_report(self, provider: str, status: str) -> None:
        """Count a delivery report that said something new."""
        self._sms_reports.child(provider, status).inc()

    def sms_circuit(self, provider: str, *, is_open: bool) -> None:
        """Set whether a provider is left alone."""
        self._sms_circuits.child(provider).set(int(is_open))

    def jwks_fetch(self, outcome: str) -> None:
        """Count a fetch of the upstream's key set."""
        self._jwks_fetches.child(outcome).inc()


def new_registry() -> CollectorRegistry:
    """Return a registry for the metrics of this process; alone, the process is measured too (memory, CPU, descriptors)."""
    registry = CollectorRegistry()
    if _MULTIPROCESS not in os.environ:
        ProcessCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry) -> bytes:
    """Return the metrics in Prometheus' text format; of all workers together where there are several."""
    if _MULTIPROCESS in os.environ:
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
    return generate_latest(registry)


@contextlib.contextmanager
def shared_metrics() -> Iterator[Callable[[int], None]]:
    """Let the child processes started within share their metrics; yields what to call with the id of one that ended.

    Must be entered before the children start: prometheus-client decides when it is imported.
    """
    with tempfile.TemporaryDirectory(prefix="hookpoint-metrics-") as directory:
        os.environ[_MULTIPROCESS] = directory
        try:
            yield lambda pid: mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]
        finally:
            del os.environ[_MULTIPROCESS]
