from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.providers.budgets import Allowance, BudgetPolicy, Budgets, limits
from hookpoint.providers.counters import MemoryCounters
from hookpoint.providers.errors import InvalidNumber, LimitExceeded, NumberRefused
from hookpoint.providers.guard import Guard, TestNumber
from hookpoint.providers.limits import DEFAULT_LIMITS, KeyMaker, Limit, Limits, Prices, network
from hookpoint.providers.message import Message
from hookpoint.providers.numbers import NumberPolicy, parse

KEYS = KeyMaker(b"0123456789abcdef")
NOON = 1_800_014_400.0
MESSAGE = Message(
    recipient="+4915123456789", text="Your code is 918273.", code="918273", client="web", user="u1", ip="203.0.113.9"
)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def guard(
    *own: Limit, clock: Clock | None = None, budget: BudgetPolicy | None = None, prices: Prices | None = None
) -> Guard:
    counters = MemoryCounters()
    return Guard(
        counters,
        numbers=NumberPolicy(default_region="DE", denied_countries=frozenset({"FR"})),
        limits=Limits(own, KEYS, prices=prices),
        budgets=Budgets(budget, counters, KEYS) if budget else None,
        test_numbers=[TestNumber(number="+15005550006", until=date(2027, 1, 15))],
        clock=clock or Clock(),
    )


OTHERS = {
    "number": replace(MESSAGE, recipient="+4915123456780"),
    "prefix": replace(MESSAGE, recipient="+4917123456789"),
    "ip": replace(MESSAGE, ip="203.0.113.10"),
    "user": replace(MESSAGE, user="u2"),
    "client": replace(MESSAGE, client="app"),
    "country": replace(MESSAGE, recipient="+12015550123"),
}


@pytest.mark.parametrize("scope", ["number", "prefix", "ip", "user", "client", "country", "all"])
async def test_limits_hold_for_their_subject_and_nobody_else(scope: str) -> None:
    watched = guard(Limit(scope=scope, count=1, window=60))  # type: ignore[arg-type]
    await watched.admit(MESSAGE)
    with pytest.raises(LimitExceeded) as caught:
        await watched.admit(replace(MESSAGE, text="another text"))
    assert caught.value.retry_after == 61
    assert caught.value.limit.startswith(scope)
    if scope in OTHERS:
        await watched.admit(OTHERS[scope])


async def test_limits_of_some_countries() -> None:
    watched = guard(Limit(scope="country", count=0, window=60, countries=frozenset({"US"})))
    await watched.admit(MESSAGE)
    with pytest.raises(LimitExceeded, match="in US"):
        await watched.admit(OTHERS["country"])


@pytest.mark.parametrize("scope", ["ip", "user", "client"])
async def test_what_is_not_told_is_not_limited(scope: str) -> None:
    watched = guard(Limit(scope=scope, count=0, window=60))  # type: ignore[arg-type]
    await watched.admit(replace(MESSAGE, ip=None, user=None, client=None))


async def test_caps_count_parts_by_their_price() -> None:
    prices = Prices(by_country={"DE": 70_000}, default=10_000)
    watched = guard(Limit(scope="all", count=250_000, window=86400, unit="cost", calendar=True), prices=prices)
    await watched.admit(replace(MESSAGE, text="ж" * 71))
    with pytest.raises(LimitExceeded):
        await watched.admit(replace(MESSAGE, text="ж" * 71))
    await watched.admit(MESSAGE)
    await watched.admit(OTHERS["country"])


async def test_a_soft_limit_is_only_logged() -> None:
    watched = guard(Limit(scope="number", count=0, window=60, enforced=False))
    with structlog.testing.capture_logs() as logs:
        await watched.admit(MESSAGE)
    assert [entry["event"] for entry in logs] == ["sms_limit_passed"]
    assert MESSAGE.recipient not in str(logs)


async def test_the_default_limits() -> None:
    clock = Clock()
    watched = guard(*DEFAULT_LIMITS, clock=clock)
    passed = 0
    for _ in range(600):
        try:
            await watched.admit(MESSAGE)
            passed += 1
        except LimitExceeded:
            clock.now += 1
    assert passed == 5


async def test_recipients_are_normalised_and_refused() -> None:
    watched = guard()
    admitted = await watched.admit(replace(MESSAGE, recipient="0151 23456789"))
    assert admitted.message.recipient == "+4915123456789"
    assert admitted.number.country == "DE"
    for recipient, error in (("x", InvalidNumber), ("+33612345678", NumberRefused)):
        with pytest.raises(error):
            await watched.admit(replace(MESSAGE, recipient=recipient))


async def test_what_was_not_sent_is_given_back() -> None:
    watched = guard(Limit(scope="number", count=1, window=60))
    admitted = await watched.admit(MESSAGE)
    await watched.give_back(admitted.charges, at=admitted.at)
    await watched.admit(MESSAGE)
    with pytest.raises(LimitExceeded):
        await watched.admit(MESSAGE)


async def test_long_texts_are_warned_about() -> None:
    with structlog.testing.capture_logs() as logs:
        admitted = await guard().admit(replace(MESSAGE, text="ж" * 200))
    assert admitted.parts == 3
    assert logs == [
        {"event": "sms_of_many_parts", "parts": 3, "encoding": "ucs2", "purpose": "", "log_level": "warning"}
    ]


@pytest.mark.parametrize("recipient", ["+15005550006", "15005550006"])
async def test_test_numbers_are_test_numbers_until_their_day_is_over(recipient: str) -> None:
    clock = Clock()
    watched = guard(Limit(scope="all", count=0, window=60), clock=clock)
    admitted = await watched.admit(replace(MESSAGE, recipient=recipient))
    assert admitted.test is not None
    assert "5550006" not in repr(admitted)
    clock.now = NOON + 366 * 86400
    with pytest.raises((InvalidNumber, LimitExceeded)):
        await watched.admit(replace(MESSAGE, recipient=recipient))


@pytest.mark.parametrize(
    ("ip", "counted"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("unix:", "unix:"),
    ],
)
def test_addresses_are_counted_by_subscriber(ip: str, counted: str) -> None:
    assert network(ip) == counted


def test_keys_tell_nothing_and_differ() -> None:
    key = KEYS.key("limit", "+4915123456789")
    assert len(key) == 64
    assert key != KEYS.key("limit", "+4915123456780")
    assert key != KeyMaker(b"another pepper 0").key("limit", "+4915123456789")
    with pytest.raises(ValueError, match="16 bytes"):
        KeyMaker(b"short")


@pytest.mark.parametrize(
    ("today", "best", "this_hour", "expected"),
    [
        (0, 0, 0, (20, 3)),
        (100, 0, 0, (30, 3)),
        (0, 1000, 0, (300, 33)),
        (10, 1000, 400, (300, 80)),
        (2000, 1000, 0, (600, 33)),
    ],
)
def test_budgets_grow_with_what_is_verified(today: int, best: int, this_hour: int, expected: tuple[int, int]) -> None:
    assert limits(Allowance(day=20, hour=3), today=today, best=best, this_hour=this_hour) == expected


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_budgets_never_fall_below_their_floor(today: int, best: int, this_hour: int) -> None:
    day, hour = limits(Allowance(day=20, hour=3), today=today, best=best, this_hour=this_hour)
    assert day >= 20
    assert hour >= 3


DENY = BudgetPolicy(mode="deny")


async def test_unverified_codes_use_up_the_budget_of_a_country() -> None:
    watched = guard(budget=DENY)
    for number in range(3):
        await watched.admit(replace(MESSAGE, ip=f"203.0.113.{number}"))
    with pytest.raises(LimitExceeded, match="per country and hour"):
        await watched.admit(replace(MESSAGE, ip="203.0.113.200"))
    await watched.admit(OTHERS["country"])


async def test_verified_codes_free_the_budget() -> None:
    watched = guard(budget=DENY)
    for number in range(50):
        message = replace(MESSAGE, ip=f"203.0.113.{number}")
        await watched.admit(message)
        await watched.verified(message.recipient, ip=message.ip)


async def test_an_addresss_budget_holds_across_countries() -> None:
    watched = guard(budget=BudgetPolicy(mode="deny", country=Allowance(day=100, hour=100)))
    for number in range(5):
        await watched.admit(replace(MESSAGE, recipient="+12015550123" if number % 2 else MESSAGE.recipient))
    with pytest.raises(LimitExceeded, match="per ip and hour"):
        await watched.admit(MESSAGE)
    await watched.admit(replace(MESSAGE, ip="203.0.113.10"))


async def test_yesterdays_conversions_count() -> None:
    clock = Clock()
    watched = guard(budget=DENY, clock=clock)
    for number in range(300):
        await watched.verified(MESSAGE.recipient, ip=f"203.0.{number // 256}.{number % 256}")
    clock.now += 86400
    passed = 0
    for number in range(40):
        try:
            await watched.admit(replace(MESSAGE, ip=f"198.51.{number}.1"))
            passed += 1
        except LimitExceeded:
            break
    assert passed == 10  # a fifth of a sixth of the best day


async def test_record_only_refuses_nobody_and_says_so() -> None:
    watched = guard(budget=BudgetPolicy(mode="record"))
    with structlog.testing.capture_logs() as logs:
        for number in range(5):
            await watched.admit(replace(MESSAGE, ip=f"203.0.113.{number}"))
    assert [entry["limit"] for entry in logs] == ["budget of unverified codes per country and hour"] * 2


@pytest.mark.parametrize(
    "policy",
    [
        BudgetPolicy(mode="deny", exempt_countries=frozenset({"DE"})),
        BudgetPolicy(mode="deny", exempt_networks=("203.0.113.0/24",)),
        BudgetPolicy(mode="deny", exempt_prefixes=("+4915",)),
    ],
)
async def test_allow_lists(policy: BudgetPolicy) -> None:
    watched = guard(budget=policy)
    for _ in range(30):
        await watched.admit(MESSAGE)
    assert not policy.exempts(parse("+12015550123"), "not an address")


def test_policies_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="not-a-network"):
        BudgetPolicy(exempt_networks=("not-a-network",))
    with pytest.raises(ValueError, match="count"):
        Limit(scope="all", count=-1, window=1)
