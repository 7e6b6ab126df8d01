"""What is counted."""

from __future__ import annotations

import re

from prometheus_client import CollectorRegistry

from hookpoint.proxy.observability import Metrics, exposition, new_registry, new_request_id


def samples(registry: CollectorRegistry, name: str) -> dict[str, float]:
    text = exposition(registry).decode()
    found = re.findall(rf"^{name}(?:\{{(.*)\}})? ([\d.e+-]+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def test_every_measurement_shows() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.request("token", "ok", 0.02)
    metrics.request("token", "ok", 0.2)
    metrics.hook("credentials-exchange", "add_plan", "ok", 0.004)
    metrics.upstream(0.3, "ok")
    metrics.upstream_connections("idle", 3)
    metrics.upstream_connections("idle", 2)
    metrics.token_signed("ES256")
    metrics.jwks_fetch("failed")
    assert samples(registry, "hookpoint_requests_total") == {'outcome="ok",route="token"': 2}
    assert samples(registry, "hookpoint_request_seconds_sum") == {'route="token"': 0.22}
    labels = 'hook="add_plan",outcome="ok",point="credentials-exchange"'
    assert samples(registry, "hookpoint_hook_seconds_count") == {labels: 1}
    assert samples(registry, "hookpoint_upstream_seconds_count") == {'outcome="ok"': 1}
    assert samples(registry, "hookpoint_upstream_connections") == {'state="idle"': 2}
    assert samples(registry, "hookpoint_tokens_signed_total") == {'algorithm="ES256"': 1}
    assert samples(registry, "hookpoint_jwks_fetches_total") == {'outcome="failed"': 1}


def test_O_labels_are_bounded_even_when_a_caller_is_not() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for number in range(2000):
        metrics.request(f"/path/{number}", "ok", 0.001)
    found = samples(registry, "hookpoint_requests_total")
    assert len(found) == 501
    assert found['outcome="other",route="other"'] == 1500
    assert sum(found.values()) == 2000


def test_two_registries_do_not_mix() -> None:
    first, second = new_registry(), new_registry()
    Metrics(first).token_signed("RS256")
    Metrics(second)
    assert samples(first, "hookpoint_tokens_signed_total") == {'algorithm="RS256"': 1}
    assert samples(second, "hookpoint_tokens_signed_total") == {}
    assert samples(first, "process_open_fds")


def test_request_ids() -> None:
    assert new_request_id(lambda count: b"\xab" * count) == "ab" * 16
    assert len({new_request_id() for _ in range(1000)}) == 1000
