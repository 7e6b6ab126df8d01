from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hookpoint.providers.counters import Charge, Counters, MemoryCounters
from hookpoint.providers.errors import Misconfigured
from hookpoint.providers.limits import KeyMaker
from hookpoint.providers.sql_counters import SqlCounters, counts, metadata
from tests.providers.postgresql import postgresql_url

NOON = 1_800_014_400.0  # a full day and hour in UTC
KEYS = KeyMaker(b"0123456789abcdef")


def charge(limit: int, window: int, *, key: str = "k", amount: int = 1, calendar: bool = False) -> Charge:
    return Charge(name=key, key=KEYS.key(key), limit=limit, window=window, amount=amount, calendar=calendar)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def counters(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Counters]:
    if request.param == "memory":
        yield MemoryCounters()
        return
    url = f"sqlite+aiosqlite:///{tmp_path / 'c.db'}" if request.param == "sqlite" else postgresql_url()
    engine = create_async_engine(url)
    await _create(engine)
    yield SqlCounters(engine)
    await engine.dispose()


async def _create(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)


async def test_what_fits_is_counted_and_the_rest_refused(counters: Counters) -> None:
    one = charge(2, 60)
    assert (await counters.take([one], now=NOON)).refused is None
    assert (await counters.take([one], now=NOON + 10)).refused is None
    refused = (await counters.take([one], now=NOON + 20)).refused
    assert refused is not None
    assert refused.charge == one
    assert refused.retry_after == 41
    assert (await counters.take([one], now=NOON + 20 + refused.retry_after)).refused is None
    assert (await counters.take([one], now=NOON + 20 + refused.retry_after)).refused is not None


async def test_refused_messages_are_not_counted(counters: Counters) -> None:
    one = charge(1, 60)
    assert (await counters.take([one], now=NOON)).refused is None
    for second in range(1, 30):
        assert (await counters.take([one], now=NOON + second)).refused is not None
    assert (await counters.take([one], now=NOON + 61)).refused is None


async def test_all_or_nothing(counters: Counters) -> None:
    wide, narrow = charge(5, 60, key="wide"), charge(1, 60, key="narrow")
    assert (await counters.take([wide, narrow], now=NOON)).refused is None
    refused = (await counters.take([wide, narrow], now=NOON)).refused
    assert refused is not None
    assert refused.charge == narrow
    assert await counters.read([wide], now=NOON, buckets=1) == [[1]]


async def test_the_longest_wait_is_told(counters: Counters) -> None:
    short, long = charge(1, 60, key="short"), charge(1, 3600, key="long")
    await counters.take([short, long], now=NOON)
    refused = (await counters.take([short, long], now=NOON)).refused
    assert refused is not None
    assert refused.charge == long
    assert refused.retry_after == 3660


async def test_what_is_not_enforced_is_counted_and_noted(counters: Counters) -> None:
    soft = replace(charge(1, 60), enforced=False)
    assert (await counters.take([soft], now=NOON)).noted == ()
    taken = await counters.take([soft], now=NOON)
    assert taken.refused is None
    assert [over.charge for over in taken.noted] == [soft]
    assert await counters.read([soft], now=NOON, buckets=1) == [[2]]


async def test_calendar_windows_begin_anew(counters: Counters) -> None:
    day = charge(1, 86400, calendar=True)
    late = NOON - NOON % 86400 + 86399
    assert (await counters.take([day], now=late)).refused is None
    refused = (await counters.take([day], now=late)).refused
    assert refused is not None
    assert refused.retry_after == 1
    assert (await counters.take([day], now=late + 1)).refused is None


async def test_amounts_are_costs(counters: Counters) -> None:
    cost = charge(100, 3600, amount=40)
    assert (await counters.take([cost], now=NOON)).refused is None
    assert (await counters.take([cost], now=NOON)).refused is None
    assert (await counters.take([cost], now=NOON)).refused is not None
    assert (await counters.take([replace(cost, amount=20)], now=NOON)).refused is None


async def test_more_than_the_limit_never_fits(counters: Counters) -> None:
    assert (await counters.take([charge(1, 60, amount=2)], now=NOON)).refused is not None
    assert (await counters.take([charge(0, 60)], now=NOON)).refused is not None


async def test_history_is_read_newest_first_and_never_below_zero(counters: Counters) -> None:
    hour = replace(charge(0, 3600, calendar=True), keep=86400)
    await counters.add([replace(hour, amount=3)], now=NOON - 7200)
    await counters.add([replace(hour, amount=5)], now=NOON)
    await counters.add([replace(hour, amount=-9)], now=NOON)
    await counters.add([replace(hour, amount=-1)], now=NOON - 3600)
    await counters.add([replace(hour, amount=2)], now=NOON)
    assert await counters.read([hour], now=NOON, buckets=4) == [[2, 0, 3, 0]]


async def test_nothing_to_take(counters: Counters) -> None:
    assert (await counters.take([], now=NOON)).refused is None


async def test_old_counts_are_forgotten(counters: Counters) -> None:
    one, day = charge(9, 60), replace(charge(9, 86400, key="day", calendar=True), keep=86400)
    await counters.take([one, day], now=NOON)
    await counters.purge(now=NOON + 60)
    assert await counters.read([one, day], now=NOON, buckets=1) == [[1], [1]]
    await counters.purge(now=NOON + 2 * 60)
    assert await counters.read([one, day], now=NOON, buckets=1) == [[0], [1]]
    await counters.purge(now=NOON + 3 * 86400)
    assert await counters.read([one, day], now=NOON, buckets=1) == [[0], [0]]


async def test_one_count_twice_in_one_message(counters: Counters) -> None:
    for wanted in ([[2]], [[4]]):
        assert (await counters.take([charge(4, 60), charge(3, 60)], now=NOON)).refused is None
        assert await counters.read([charge(4, 60)], now=NOON, buckets=1) == wanted
    assert (await counters.take([charge(4, 60), charge(3, 60)], now=NOON)).refused is not None


async def test_many_at_once_never_pass_the_limit(counters: Counters) -> None:
    shared = charge(10, 3600, key="all")

    async def one(number: int) -> bool:
        own = charge(2, 60, key=f"number-{number % 8}")
        return (await counters.take([shared, own], now=NOON + number / 100)).refused is None

    results = await asyncio.gather(*(one(number) for number in range(60)))
    assert sum(results) == 10
    assert await counters.read([shared], now=NOON, buckets=1) == [[10]]


WORKER = """
import asyncio, sys
from sqlalchemy.ext.asyncio import create_async_engine
from hookpoint.providers.counters import Charge
from hookpoint.providers.sql_counters import SqlCounters

async def main(url, key):
    engine = create_async_engine(url)
    counters = SqlCounters(engine)
    charge = Charge(name="all", key=key, limit=25, window=3600)
    passed = 0
    for second in range(40):
        taken = await counters.take([charge], now=1_800_014_400.0 + second * 7)
        passed += taken.refused is None
    await engine.dispose()
    print(passed)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_two_processes_share_limits(kind: str, tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'shared.db'}" if kind == "sqlite" else postgresql_url()
    engine = create_async_engine(url)
    await _create(engine)
    await engine.dispose()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, url, KEYS.key("all"), stdout=asyncio.subprocess.PIPE, env=environment
        )
        for _ in range(2)
    ]
    outputs = [(await worker.communicate())[0] for worker in workers]
    assert sum(int(output) for output in outputs) == 25


async def test_nothing_readable_is_stored(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'c.db'}")
    await _create(engine)
    key = KEYS.key("number", "+4915123456789")
    await SqlCounters(engine).take([Charge(name="n", key=key, limit=1, window=60)], now=NOON)
    async with engine.connect() as connection:
        rows = (await connection.execute(counts.select())).all()
        await connection.execute(text("select 1"))
    await engine.dispose()
    assert len(rows) == 1
    assert "4915123456789" not in str(rows)


class _Dialect:
    name = "mysql"


class _Engine:
    dialect = _Dialect()


def test_other_databases_are_refused() -> None:
    with pytest.raises(Misconfigured, match="mysql"):
        SqlCounters(_Engine())  # type: ignore[arg-type]


@given(
    limit=st.integers(1, 6),
    window=st.sampled_from([1, 7, 60, 90, 600, 3600]),
    steps=st.lists(st.floats(0, 400), min_size=1, max_size=60),
)
async def test_no_window_ever_holds_more_than_the_limit(limit: int, window: int, steps: list[float]) -> None:
    counters, now, passed = MemoryCounters(), NOON, list[float]()
    for step in steps:
        now += step
        refused = (await counters.take([charge(limit, window)], now=now)).refused
        if refused is None:
            passed.append(now)
        else:
            # A refusal is true: the window and one step of it hold the limit already; and its wait is enough.
            assert sum(now - window - charge(limit, window).step <= at for at in passed) >= limit
            later = now + refused.retry_after
            assert sum(later - window < at for at in passed) < limit
    for index, at in enumerate(passed):
        assert sum(at <= other < at + window for other in passed[index:]) <= limit
