"""A small abuse drill through everything that is put together, counted in the store, and recounted by hand.

The large one, of ten thousand requests, counts in memory: tests/providers/test_abuse.py.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from pathlib import Path

from hookpoint.hooks import Chain, Registry, Request
from hookpoint.providers.limits import DEFAULT_LIMITS
from hookpoint.providers.numbers import parse
from hookpoint.providers.vendors.memory import Memory
from hookpoint.proxy.config import validate
from hookpoint.proxy.observability import Metrics, new_registry
from hookpoint.proxy.sms.composition import PhoneMessages
from hookpoint.proxy.sms.delivery import DeliveryRequest
from hookpoint.proxy.sms.results import Refused, Sent
from hookpoint.proxy.store import open_store
from tests.providers.test_abuse import START, numbers
from tests.proxy.sms.stage import CODE, Clock

REQUESTS = 120
VERIFIED = 0.3
"""The share of codes that somebody types in."""
BUDGETS = {"mode": "deny", "country": {"day": 30, "hour": 10}, "ip": {"day": 20, "hour": 7}}


async def test_nothing_goes_beyond_the_limits_that_the_store_counts(tmp_path: Path) -> None:
    values = {
        "sms": {
            "providers": [{"name": "main", "type": "memory"}],
            "budgets": BUDGETS,
            "verified": {"secrets": ["a secret, long enough"]},
        }
    }
    clock, draw = Clock(START), random.Random(4711)
    metrics = Metrics(new_registry())
    settings = validate(values, environ={})
    messages = PhoneMessages(settings, chain=Chain(Registry([])), metrics=metrics, now=clock)
    store = await open_store(f"sqlite:///{tmp_path / 'store.db'}")
    targets, addresses = numbers(20), [f"203.0.113.{number}" for number in range(4)]
    sent: list[tuple[float, str, str]] = []
    refused: Counter[str] = Counter()
    try:
        await messages.start(store)
        for _ in range(REQUESTS):
            clock.now += draw.uniform(0, 8)
            number, ip = draw.choice(targets), draw.choice(addresses)
            asked = DeliveryRequest(recipient=number, code=CODE, request=Request(ip=ip))
            match await messages.deliver(asked, deadline=10):
                case Sent():
                    sent.append((clock.now, number, ip))
                    if draw.random() < VERIFIED:
                        assert await messages.verified(number, ip=ip)
                case Refused(code=code):
                    refused[code] += 1
                case other:
                    raise AssertionError(other)
    finally:
        await messages.aclose()
        await store.aclose()
    provider = messages.providers["main"]
    assert isinstance(provider, Memory)
    assert [message.recipient for message in provider.messages] == [number for _, number, _ in sent]
    assert refused == {"limit_exceeded": REQUESTS - len(sent)}
    assert 10 < len(sent) < REQUESTS * 2 / 3
    outcomes = {labels["outcome"]: value for labels, value in counted(metrics)}
    assert outcomes == {"sent": len(sent), "limit_exceeded": REQUESTS - len(sent)}
    for limit in DEFAULT_LIMITS:
        windows: defaultdict[str, list[float]] = defaultdict(list)
        for at, number, ip in sent:
            prefix = parse(number).prefix(limit.prefix_digits)
            subject = {"number": number, "ip": ip, "prefix": prefix}.get(limit.scope)
            if subject is not None:
                windows[subject].append(at)
        for times in windows.values():
            for index, at in enumerate(times):
                assert sum(at <= other < at + limit.window for other in times[index:]) <= limit.count


def counted(metrics: Metrics) -> list[tuple[dict[str, str], float]]:
    """What the metrics say of messages."""
    return [
        (sample.labels, sample.value)
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "hookpoint_sms_messages_total"
    ]
