"""The worker in the background: it is woken, it stops in good order, and it lives through failures of the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from hookpoint.hooks import HookRun, PostUserRegistration, Registry, hooks_of_functions, post_user_registration
from hookpoint.hooks.deliveries import Counts, Deliveries, DeliveryOutcome, DeliveryPolicy
from hookpoint.hooks.deliveries.database import Work
from hookpoint.hooks.deliveries.tables import deliveries as deliveries_table
from hookpoint.proxy.store import Store, StoreUnavailable
from tests.hooks.deliveries.stage import Clock, deliveries_of, registration

T = TypeVar("T")
PATIENCE = 20.0


class Arrivals:
    """A hook whose events can be waited for."""

    def __init__(self) -> None:
        self.seen: asyncio.Queue[str] = asyncio.Queue()

    async def next(self) -> str:
        return await asyncio.wait_for(self.seen.get(), PATIENCE)

    @property
    def registry(self) -> Registry:
        @post_user_registration(name="welcome")
        async def receive(event: PostUserRegistration) -> None:
            await self.seen.put(event.id)

        return Registry(hooks_of_functions([receive]))


async def test_a_settled_event_wakes_the_worker(store: Store) -> None:
    arrivals = Arrivals()
    deliveries = Deliveries(store, arrivals.registry, poll=3600.0)
    deliveries.start()
    await asyncio.sleep(0)
    for event_id in ("e1", "e2", "e3"):
        await deliveries.outbox.intend(registration(event_id), subject="ada", lookup={})
        await deliveries.outbox.settle(registration(event_id))
    assert [await arrivals.next() for _ in range(3)] == ["e1", "e2", "e3"]
    await deliveries.aclose()


async def test_what_another_process_stored_is_found_by_looking(store: Store) -> None:
    arrivals = Arrivals()
    other = Deliveries(store, arrivals.registry)
    deliveries = Deliveries(store, arrivals.registry, poll=0.05)
    deliveries.start()
    await other.outbox.accept(registration("e1"), subject="ada")
    assert await arrivals.next() == "e1"
    await deliveries.aclose()


async def test_when_it_stops_what_runs_is_given_back(store: Store) -> None:
    entered, arrivals, clock = asyncio.Event(), Arrivals(), Clock()

    @post_user_registration(name="welcome")
    async def hang(event: PostUserRegistration) -> None:
        entered.set()
        await asyncio.Event().wait()

    stopping = deliveries_of(store, hang, clock=clock)
    stopping.start()
    await stopping.outbox.accept(registration("e1"), subject="ada")
    await asyncio.wait_for(entered.wait(), PATIENCE)
    await stopping.aclose()
    async with store.read() as connection:
        row = (await connection.execute(select(deliveries_table))).one()
    assert (row.state, row.attempts, row.owner) == ("waiting", 0, None)
    next_one = Deliveries(store, arrivals.registry, clock=clock)
    assert await next_one.run_due() == 1  # no time had to pass
    await stopping.aclose()  # again


async def test_what_ends_soon_is_waited_for(store: Store) -> None:
    entered, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @post_user_registration(name="welcome")
    async def slow(event: PostUserRegistration) -> None:
        entered.set()
        await go.wait()
        ended.set()

    deliveries = deliveries_of(store, slow, clock=Clock())
    deliveries.start()
    await deliveries.outbox.accept(registration("e1"), subject="ada")
    await asyncio.wait_for(entered.wait(), PATIENCE)
    closing = asyncio.create_task(deliveries.aclose())
    await asyncio.sleep(0)
    go.set()
    await asyncio.wait_for(closing, PATIENCE)
    assert ended.is_set()


class Flaky:
    """A database that can be made unavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = False
        self.refused = 0

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        self.refused += self.away
        return self._guarded(self._store.begin())

    async def write(self, work: Work[T], *, durable: bool = True) -> T:
        self.refused += self.away
        if self.away:
            raise StoreUnavailable("the store is away")
        return await self._store.write(work, durable=durable)

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._guarded(self._store.read())

    @asynccontextmanager
    async def _guarded(self, opened: AbstractAsyncContextManager[AsyncConnection]) -> AsyncIterator[AsyncConnection]:
        if self.away:
            raise StoreUnavailable("the store is away")
        async with opened as connection:
            yield connection


async def test_a_database_that_comes_back_is_used_again(store: Store) -> None:
    arrivals, database = Arrivals(), Flaky(store)
    deliveries = Deliveries(database, arrivals.registry, poll=0.02)
    database.away = True
    deliveries.start()
    await asyncio.sleep(0.1)
    database.away = False
    await deliveries.outbox.accept(registration("e1"), subject="ada")
    assert await arrivals.next() == "e1"
    await deliveries.aclose()


async def test_a_run_that_cannot_be_recorded_is_made_again(store: Store) -> None:
    database, runs, clock = Flaky(store), [0], Clock()

    @post_user_registration(name="welcome")
    async def lose_the_database(event: PostUserRegistration) -> None:
        runs[0] += 1
        database.away = runs[0] == 1

    deliveries = Deliveries(
        database,
        Registry(hooks_of_functions([lose_the_database])),
        poll=0.02,
        policy=DeliveryPolicy(timeout=1.0, lease=1.0),
        clock=clock,
    )
    deliveries.start()
    await deliveries.outbox.accept(registration("e1"), subject="ada")
    await _until(lambda: database.refused > 0)
    for _ in range(100):  # what was refused may have been a look for work; then the recording is about to be
        await asyncio.sleep(0)
    database.away = False
    clock.advance(10.0)
    await _until(lambda: runs[0] == 2)
    await deliveries.aclose()


class Noting:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.attempts: list[tuple[str, str, DeliveryOutcome]] = []
        self.told: list[Counts] = []
        self.runs: list[HookRun] = []

    def attempt(self, point: str, hook: str, outcome: DeliveryOutcome, /) -> None:
        self.attempts.append((point, hook, outcome))

    def counts(self, counts: Counts, /) -> None:
        self.told.append(counts)


async def test_attempts_and_the_state_of_the_queue_are_told(store: Store) -> None:
    noting, clock, fail = Noting(), Clock(), [True]

    @post_user_registration(name="welcome")
    async def receive(event: PostUserRegistration) -> None:
        if fail[0]:
            raise RuntimeError

    deliveries = deliveries_of(
        store,
        receive,
        clock=clock,
        observer=noting,
        observe_run=noting.runs.append,
        policy=DeliveryPolicy(attempts=2),
    )
    await deliveries.outbox.accept(registration("e1"), subject="ada")
    await deliveries.run_due()
    clock.advance(30.0)
    await deliveries.run_due()
    fail[0] = False
    await deliveries.outbox.accept(registration("e2"), subject="ada")
    await deliveries.run_due()
    await deliveries.outbox.accept(registration("e3"), subject="ada")
    await deliveries.outbox.intend(registration("e4"), subject="ada", lookup={})
    clock.advance(5.0)
    point = "post-user-registration"
    assert noting.attempts == [(point, "welcome", "retried"), (point, "welcome", "dead"), (point, "welcome", "done")]
    assert [run.outcome for run in noting.runs] == ["failed", "failed", "unchanged"]
    deliveries.start()
    await _until(lambda: bool(noting.told))
    await deliveries.aclose()
    assert noting.told[0].dead == 1
    assert (noting.told[0].open, noting.told[0].unknown) == (1, 0)


async def _until(condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def paced() -> tuple[asyncio.Queue[str], asyncio.Semaphore, Callable[..., Any]]:
    """A hook that says what it has begun, and ends when it is let."""
    begun: asyncio.Queue[str] = asyncio.Queue()
    go = asyncio.Semaphore(0)

    @post_user_registration(name="welcome")
    async def receive(event: PostUserRegistration) -> None:
        begun.put_nowait(event.id)
        await go.acquire()

    return begun, go, receive


async def begun_next(begun: asyncio.Queue[str]) -> str:
    return await asyncio.wait_for(begun.get(), PATIENCE)


async def test_what_is_settled_while_an_earlier_event_of_its_user_runs_comes_after_it(store: Store) -> None:
    begun, go, hook = paced()
    deliveries = deliveries_of(store, hook, clock=Clock(), poll=1000.0)
    deliveries.start()
    for event, subject in (("a1", "ada"), ("a2", "ada"), ("b1", "bob")):
        await deliveries.outbox.accept(registration(event), subject=subject)
    assert [await begun_next(begun), await begun_next(begun)] == ["a1", "b1"]
    assert begun.empty()
    go.release()
    go.release()
    assert await begun_next(begun) == "a2"
    go.release()
    await deliveries.aclose()


async def test_what_is_settled_waits_for_the_outcome_of_an_earlier_call(store: Store) -> None:
    begun, go, hook = paced()
    deliveries = deliveries_of(store, hook, clock=Clock(), poll=1000.0)
    deliveries.start()
    await deliveries.outbox.intend(registration("a1"), subject="ada", lookup={})
    await deliveries.outbox.accept(registration("a2"), subject="ada")
    await deliveries.outbox.settle(registration("a1"))
    assert await begun_next(begun) == "a1"
    assert begun.empty()
    go.release()
    assert await begun_next(begun) == "a2"
    go.release()
    await deliveries.aclose()


async def test_what_there_is_no_room_for_runs_when_there_is(store: Store) -> None:
    begun, go, hook = paced()
    deliveries = deliveries_of(store, hook, clock=Clock(), poll=1000.0, concurrency=2)
    deliveries.start()
    ids = [f"e{number}" for number in range(6)]
    await asyncio.gather(*(deliveries.outbox.accept(registration(each), subject=each) for each in ids))
    found = [await begun_next(begun), await begun_next(begun)]
    assert begun.empty()
    for _ in range(4):
        go.release()
        found.append(await begun_next(begun))
    assert sorted(found) == ids
    go.release()
    go.release()
    await deliveries.aclose()


async def test_what_is_settled_runs_though_whoever_waited_has_left(store: Store) -> None:
    begun, go, hook = paced()
    deliveries = deliveries_of(store, hook, clock=Clock(), poll=1000.0)
    deliveries.start()
    await deliveries.outbox.intend(registration("e1"), subject="ada", lookup={})
    leaving = asyncio.create_task(deliveries.outbox.settle(registration("e1")))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await begun_next(begun) == "e1"
    go.release()
    await deliveries.aclose()


async def test_what_is_settled_while_it_stops_is_left_to_others(store: Store) -> None:
    _, _, hook = paced()
    arrivals, clock = Arrivals(), Clock()
    deliveries = deliveries_of(store, hook, clock=clock, poll=1000.0)
    deliveries.start()
    await deliveries.outbox.intend(registration("e1"), subject="ada", lookup={})
    settling = asyncio.create_task(deliveries.outbox.settle(registration("e1")))
    await asyncio.sleep(0)
    await asyncio.gather(deliveries.aclose(), settling)
    assert await Deliveries(store, arrivals.registry, clock=clock).run_due() == 1
