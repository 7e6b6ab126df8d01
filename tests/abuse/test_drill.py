"""The abuse drill: ten thousand requests counted in the store, fewer of them over sockets; `make abuse` has all over sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hookpoint.providers.budgets import Budgets
from hookpoint.providers.errors import LimitExceeded
from hookpoint.providers.guard import Guard
from hookpoint.providers.limits import KeyMaker, Limits
from hookpoint.providers.message import Message
from hookpoint.providers.sql_counters import SqlCounters
from hookpoint.proxy.sms.tables import MIGRATIONS, PART
from hookpoint.proxy.store import Store, open_store
from tests.abuse.drill import BUDGETS, LIMITS, SENT, START, VERIFIED, Figures, Out, Use, drill
from tests.abuse.product import CODE, flood

pytestmark = pytest.mark.slow

KEYS = KeyMaker(b"0123456789abcdef")
NUMBER = "+4915123400001"


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    opened = await open_store(store_url)
    await opened.migrate(PART, MIGRATIONS)
    yield opened
    await opened.aclose()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_ten_thousand_requests_over_five_hundred_numbers(store: Store) -> None:
    figures = await count(store, 10_000)
    # Pumped traffic is hardly ever verified, so the budgets hold back nearly all of it, and say so.
    assert 50 < len(figures.out) < 500
    assert len(figures.countries) == 5
    assert sum(each for limit, each in figures.refused.items() if limit.startswith("budget")) > 9_000
    # The recount would see one more: somebody has used up what there was.
    assert "budget of unverified codes per country and hour" in used_up(figures)


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_limits_hold_where_all_codes_are_typed_in(store: Store) -> None:
    figures = await count(store, 600, verified=1.0)
    assert used_up(figures) >= {"number: 1 messages in 30 s", "all: 400 messages in 86400 s"}
    assert figures.refused["all: 400 messages in 86400 s"] > 0


def used_up(figures: Figures) -> set[str]:
    """The limits of which nothing was left to somebody."""
    return {use.limit for use in figures.uses() if use.most == use.allowed}


async def count(store: Store, requests: int, *, verified: float = VERIFIED) -> Figures:
    """The drill without gateway and providers: what the guard admits."""
    now = START
    counters = SqlCounters(store.engine, reading=store.reading)
    guard = Guard(
        counters,
        limits=Limits(LIMITS, KEYS),
        budgets=Budgets(BUDGETS, counters, KEYS),
        clock=lambda: now,
    )

    async def ask(number: str, ip: str) -> str:
        try:
            await guard.admit(Message(recipient=number, text=f"Your code is {CODE}.", ip=ip))
        except LimitExceeded as error:
            return error.limit
        return SENT

    async def verify(number: str, ip: str) -> None:
        await guard.verified(number, ip=ip)

    def set_clock(to: float) -> float:
        nonlocal now
        now = to
        return now

    figures = await drill(ask, verify, set_clock, requests=requests, verified=verified)
    assert figures.asked == requests
    assert not figures.broken()
    return figures


async def test_two_processes_are_flooded(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'store.db'}"
    flooded = await flood(tmp_path, store, requests=120, numbers=20, addresses=4)
    assert flooded.problems == []
    assert flooded.figures.asked == 120
    assert 10 < len(flooded.figures.out) < 80
    assert flooded.figures.refused.total() == 120 - len(flooded.figures.out)


def test_the_recount_sees_what_is_too_much() -> None:
    def sent(*times: float, ip: str = "203.0.113.1") -> list[Out]:
        return [Out(number=NUMBER, ip=ip, earliest=START + at, latest=START + at + 1) for at in times]

    assert not Figures(out=sent(0, 31, 62)).broken()
    assert not Figures(out=sent(0, 29.5)).broken()  # perhaps 30 seconds apart
    assert Figures(out=sent(0, 28)).broken() == ["number: 1 messages in 30 s: 2 of 1"]
    assert Figures(out=sent(*range(0, 600, 100))).broken() == ["number: 5 messages in 600 s: 6 of 5"]
    over = Use(limit="budget of unverified codes per ip and hour", most=6, allowed=5)
    assert Figures(budgets=[over]).broken() == ["budget of unverified codes per ip and hour: 6 of 5"]
