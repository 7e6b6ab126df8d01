"""The abuse drill: many requests from few addresses; what is sent is recounted by hand against every limit."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

from hookpoint.providers.budgets import BudgetPolicy, Budgets
from hookpoint.providers.counters import MemoryCounters
from hookpoint.providers.errors import LimitExceeded
from hookpoint.providers.guard import Guard
from hookpoint.providers.limits import DEFAULT_LIMITS, KeyMaker, Limit, Limits
from hookpoint.providers.message import Message
from hookpoint.providers.numbers import parse
from hookpoint.providers.router import Router
from hookpoint.providers.vendors.memory import Memory

KEYS = KeyMaker(b"0123456789abcdef")
START = 1_800_014_400.0
PREFIXES = {"DE": "+49151234", "US": "+1201555", "FR": "+3361234", "GB": "+44740012", "ES": "+3461234"}
LENGTHS = {"DE": 13, "US": 11, "FR": 11, "GB": 12, "ES": 11}
CAP = Limit(scope="all", count=400, window=86400, calendar=True)


def numbers(count: int) -> list[str]:
    found = []
    for index in range(count):
        country = list(PREFIXES)[index % len(PREFIXES)]
        prefix = PREFIXES[country]
        found.append(prefix + str(index // len(PREFIXES)).rjust(LENGTHS[country] + 1 - len(prefix), "0"))
    return found


async def test_ten_thousand_requests_over_five_hundred_numbers() -> None:
    clock, draw = [START], random.Random(4711)
    counters = MemoryCounters()
    every = (*DEFAULT_LIMITS, CAP)
    guard = Guard(
        counters,
        limits=Limits(every, KEYS),
        budgets=Budgets(BudgetPolicy(mode="deny"), counters, KEYS),
        clock=lambda: clock[0],
    )
    provider = Memory("memory")
    router = Router({"memory": provider})
    targets, addresses = numbers(500), [f"203.0.113.{number}" for number in range(20)]
    sent: list[tuple[float, Message]] = []
    refused: Counter[str] = Counter()
    for _ in range(10_000):
        clock[0] += draw.uniform(0, 8)
        message = Message(recipient=draw.choice(targets), text="Your code is 918273.", ip=draw.choice(addresses))
        try:
            admitted = await guard.admit(message)
        except LimitExceeded as error:
            refused[error.limit] += 1
            continue
        await router.send(admitted.message)
        sent.append((clock[0], admitted.message))
        if draw.random() < 0.1:
            await guard.verified(message.recipient, ip=message.ip)

    assert len(provider.messages) == len(sent)
    assert len(sent) + refused.total() == 10_000
    # Pumped traffic is hardly ever verified, so the budgets hold back nearly all of it, and say so.
    assert 100 < len(sent) < 500
    assert sum(count for limit, count in refused.items() if limit.startswith("budget")) > 9_000
    for limit in every:
        windows: defaultdict[str, list[float]] = defaultdict(list)
        for at, message in sent:
            subject = {
                "number": message.recipient,
                "ip": message.ip,
                "prefix": parse(message.recipient).prefix(limit.prefix_digits),
                "all": "",
            }.get(limit.scope)
            if subject is not None:
                windows[subject].append(at)
        for times in windows.values():
            for index, at in enumerate(times):
                end = at + limit.window if not limit.calendar else (at // limit.window + 1) * limit.window
                assert sum(at <= other < end for other in times[index:]) <= limit.count
