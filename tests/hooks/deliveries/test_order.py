"""The order of one user's events when several processes take from one database: nobody takes a later one too early."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select, update

from hookpoint.hooks import (
    PostChangePassword,
    PostUserRegistration,
    Registry,
    hooks_of_functions,
    post_change_password,
    post_user_registration,
)
from hookpoint.hooks.chain import observe_nothing
from hookpoint.hooks.deliveries import DeliveryPolicy
from hookpoint.hooks.deliveries.delivering import Delivering
from hookpoint.hooks.deliveries.observer import ObserveNothing
from hookpoint.hooks.deliveries.payload import Codec
from hookpoint.hooks.deliveries.queue import DeliveryQueue, Leased
from hookpoint.hooks.deliveries.settling import Settling
from hookpoint.hooks.deliveries.tables import deliveries as deliveries_table
from hookpoint.hooks.deliveries.transactions import Transactions
from hookpoint.proxy.store import Store
from tests.hooks.deliveries.stage import Clock, Receiver, deliveries_of, registration

PATIENCE = 20.0
POLICY = DeliveryPolicy(timeout=5.0, lease=2.0)


class Process:
    """The queue of one of several processes, taken from by hand."""

    def __init__(self, store: Store, name: str, clock: Clock, *hooks: Callable[..., Any]) -> None:
        self.queue = DeliveryQueue(store, Transactions(store), owner=name, clock=clock)
        self.delivering = Delivering(
            self.queue,
            Registry(hooks_of_functions(hooks)),
            policy=POLICY,
            codec=Codec(),
            observe_run=observe_nothing,
            observer=ObserveNothing(),
            rng=random.Random(1),
        )

    async def take(self) -> Sequence[Leased]:
        return await self.queue.lease(10, self.delivering.lease_of)


def ids(taken: Sequence[Leased]) -> list[str]:
    return [each.event_id for each in taken]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def processes(store: Store, clock: Clock, receiver: Receiver) -> tuple[Process, Process]:
    first, second = (Process(store, name, clock, receiver.hook()) for name in ("first", "second"))
    return first, second


@pytest.fixture
async def accept(store: Store, clock: Clock, receiver: Receiver) -> Callable[[str], Any]:
    outbox = deliveries_of(store, receiver.hook(), clock=clock).outbox
    return lambda event_id: outbox.accept(registration(event_id), subject="ada")


async def test_while_one_process_has_an_event_no_other_takes_the_next(
    processes: tuple[Process, Process], accept: Callable[[str], Any], clock: Clock
) -> None:
    first, second = processes
    for event_id in ("a1", "a2"):
        await accept(event_id)
    [a1] = await first.take()
    assert (a1.event_id, await second.take()) == ("a1", [])
    await first.queue.retry(a1, error="down", after=60.0)
    assert await second.take() == []
    clock.advance(60.0)
    [a1] = await second.take()
    assert (a1.event_id, await first.take()) == ("a1", [])
    await second.queue.finish(a1)
    assert ids(await first.take()) == ["a2"]


async def test_what_another_process_is_taking_at_this_moment_keeps_the_next(
    store: Store, processes: tuple[Process, Process], accept: Callable[[str], Any], clock: Clock
) -> None:
    _, second = processes
    for event_id in ("a1", "a2"):
        await accept(event_id)
    async with store.begin() as connection:
        a1 = select(deliveries_table.c.seq).order_by(deliveries_table.c.seq).limit(1)
        seq = await connection.scalar(a1.with_for_update())
        taken = {"owner": "first", "attempts": 1, "due_at": int((clock.now + 7.0) * 1000)}
        await connection.execute(update(deliveries_table).where(deliveries_table.c.seq == seq).values(taken))
        taking = asyncio.create_task(second.take())
        await asyncio.wait({taking}, timeout=0.1)  # PostgreSQL passes over what is locked; SQLite waits for the end
    assert await asyncio.wait_for(taking, PATIENCE) == []


async def test_an_event_that_is_being_settled_at_this_moment_keeps_the_next(
    store: Store, processes: tuple[Process, Process], accept: Callable[[str], Any], clock: Clock, receiver: Receiver
) -> None:
    _, second = processes
    outbox = deliveries_of(store, receiver.hook(), clock=clock).outbox
    await outbox.intend(registration("a1"), subject="ada", lookup={})
    await accept("a2")
    settling = Settling(Registry(hooks_of_functions([receiver.hook()])), Codec())
    async with store.begin() as connection:
        await connection.run_sync(settling.settle, registration("a1"), int(clock.now * 1000))
        taking = asyncio.create_task(second.take())
        await asyncio.wait({taking}, timeout=0.1)
    assert "a2" not in ids(await asyncio.wait_for(taking, PATIENCE))
    assert "a2" not in ids(await second.take())


async def test_a_process_that_was_held_up_does_not_run_what_others_have_had_meanwhile(
    processes: tuple[Process, Process], accept: Callable[[str], Any], clock: Clock, receiver: Receiver
) -> None:
    held_up, other = processes
    for event_id in ("a1", "a2"):
        await accept(event_id)
    [late] = await held_up.take()
    clock.advance(POLICY.timeout + POLICY.lease)
    for _ in range(2):
        [leased] = await other.take()
        await other.delivering.attempt(leased)
    await held_up.delivering.attempt(late)
    assert receiver.seen == ["a1", "a2"]
    assert await held_up.take() == []


async def test_what_could_outlast_its_lease_is_given_back_and_was_no_attempt(
    processes: tuple[Process, Process], accept: Callable[[str], Any], clock: Clock, receiver: Receiver
) -> None:
    held_up, other = processes
    await accept("a1")
    [late] = await held_up.take()
    clock.advance(POLICY.lease + 0.001)
    await held_up.delivering.attempt(late)
    assert receiver.attempts == 0
    [leased] = await other.take()
    assert (leased.event_id, leased.attempt) == ("a1", 1)


async def test_a_lease_outlasts_the_slower_of_two_hooks_of_one_name(store: Store, clock: Clock) -> None:
    @post_user_registration(name="note", timeout=60.0)
    async def note_sign_up(event: PostUserRegistration) -> None: ...

    @post_change_password(name="note", timeout=1.0)
    async def note_change(event: PostChangePassword) -> None: ...

    await deliveries_of(store, note_sign_up, clock=clock).outbox.accept(registration("a1"), subject="ada")
    first, second = (Process(store, name, clock, note_sign_up, note_change) for name in ("first", "second"))
    [leased] = await first.take()
    clock.advance(61.0)
    assert await second.take() == []
    await first.queue.finish(leased)
