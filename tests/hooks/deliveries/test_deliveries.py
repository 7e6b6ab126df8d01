"""What durable delivery promises, on both engines, with a simulated clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from hookpoint.hooks import Deny, PostChangePassword, PostUserRegistration, User, post_user_registration
from hookpoint.hooks.deliveries import (
    CannotTell,
    DeliveryPolicy,
    DidNotHappen,
    Happened,
    Intent,
    NoIntent,
    Resolution,
)
from hookpoint.hooks.deliveries.tables import deliveries as deliveries_table
from hookpoint.hooks.deliveries.tables import events as events_table
from hookpoint.proxy.store import Store
from tests.hooks.deliveries.stage import Clock, Receiver, deliveries_of, registration

HOUR = 3600.0


async def states(store: Store) -> list[tuple[str, str]]:
    """Hook and state of each delivery, in order."""
    async with store.read() as connection:
        table = deliveries_table
        found = await connection.execute(select(table.c.hook, table.c.state).order_by(table.c.seq, table.c.hook))
        return [(row.hook, row.state) for row in found]


async def event_states(store: Store) -> list[str]:
    async with store.read() as connection:
        return list(await connection.scalars(select(events_table.c.state).order_by(events_table.c.seq)))


async def test_a_settled_event_reaches_each_of_its_hooks_with_what_is_known_then(store: Store) -> None:
    seen: list[tuple[str, PostUserRegistration]] = []

    @post_user_registration
    async def first(event: PostUserRegistration) -> None:
        seen.append(("first", event))

    @post_user_registration
    def second(event: PostUserRegistration) -> None:
        seen.append(("second", event))

    deliveries = deliveries_of(store, first, second, clock=Clock())
    await deliveries.outbox.intend(registration("e1"), subject="ada", lookup={})
    assert await deliveries.run_due() == 0
    settled = registration("e1", id="u1", user_metadata={"colour": "blue", "sizes": [1, 2]})
    await deliveries.outbox.settle(settled)
    assert await deliveries.run_due() == 2
    assert sorted(name for name, _ in seen) == ["first", "second"]
    assert [event for _, event in seen] == [settled, settled]
    assert await states(store) == [("first", "done"), ("second", "done")]
    assert await deliveries.run_due() == 0


async def test_a_password_change_keeps_its_time(store: Store) -> None:
    from hookpoint.hooks import post_change_password

    seen: list[PostChangePassword] = []

    @post_change_password
    async def note(event: PostChangePassword) -> None:
        seen.append(event)

    deliveries = deliveries_of(store, note, clock=Clock())
    changed = PostChangePassword(id="e1", user=User(id="u1"), changed_at=datetime(2027, 1, 2, 3, 4, 5, 678, UTC))
    assert await deliveries.outbox.accept(changed, subject="u1")
    await deliveries.run_due()
    assert seen == [changed]


async def test_a_withdrawn_intent_is_never_delivered(store: Store) -> None:
    receiver, clock = Receiver(), Clock()
    deliveries = deliveries_of(store, receiver.hook(), clock=clock)
    await deliveries.outbox.intend(registration("e1"), subject="ada", lookup={})
    await deliveries.outbox.withdraw("e1")
    clock.advance(10 * HOUR)
    await deliveries.run_due()
    assert (receiver.seen, await event_states(store)) == ([], [])
    await deliveries.outbox.withdraw("e1")  # again, or never intended: nothing to forget


async def test_settling_again_or_withdrawing_afterwards_changes_nothing(store: Store) -> None:
    receiver = Receiver()
    deliveries = deliveries_of(store, receiver.hook(), clock=Clock())
    await deliveries.outbox.intend(registration("e1"), subject="ada", lookup={})
    await deliveries.outbox.settle(registration("e1"))
    await deliveries.outbox.settle(registration("e1"))
    await deliveries.outbox.withdraw("e1")
    assert await deliveries.run_due() == 1
    await deliveries.outbox.settle(registration("e1"))
    assert await deliveries.run_due() == 0
    assert receiver.seen == ["e1"]


async def test_settling_what_was_never_intended_is_an_error(store: Store) -> None:
    deliveries = deliveries_of(store, Receiver().hook(), clock=Clock())
    with pytest.raises(NoIntent):
        await deliveries.outbox.settle(registration("e1"))


async def test_an_event_that_comes_twice_is_accepted_once(store: Store) -> None:
    receiver = Receiver()
    deliveries = deliveries_of(store, receiver.hook(), clock=Clock())
    taken = await asyncio.gather(*(deliveries.outbox.accept(registration("e1"), subject="ada") for _ in range(5)))
    assert sorted(taken) == [False] * 4 + [True]
    await deliveries.run_due()
    assert receiver.seen == ["e1"]


async def test_hooks_whose_conditions_are_not_met_get_no_delivery(store: Store) -> None:
    receiver = Receiver()
    deliveries = deliveries_of(store, receiver.hook(when={"connection": ["staff"]}), clock=Clock())
    await deliveries.outbox.accept(registration(), subject="ada")
    assert await deliveries.run_due() == 0
    assert await states(store) == []


async def test_a_hook_that_fails_for_an_hour_gets_each_event_once_it_recovers(store: Store) -> None:
    receiver, clock = Receiver(failure=RuntimeError("down")), Clock()
    deliveries = deliveries_of(store, receiver.hook(), clock=clock)
    ids = [f"e{number}" for number in range(8)]
    for event_id in ids:
        await deliveries.outbox.accept(registration(event_id), subject=event_id)
    for _ in range(12):
        await deliveries.run_due()
        clock.advance(300.0)
    assert receiver.seen == []
    assert receiver.attempts > 3 * len(ids)
    receiver.failure = None
    for _ in range(15):
        await deliveries.run_due()
        clock.advance(1000.0)
    assert sorted(receiver.seen) == sorted(ids)
    assert set(await states(store)) == {("welcome", "done")}


async def test_a_hook_that_never_recovers_ends_in_the_dead_letters_after_two_days(store: Store) -> None:
    receiver, clock = Receiver(failure=RuntimeError("down")), Clock()
    deliveries = deliveries_of(store, receiver.hook(), clock=clock)
    started = clock.now
    await deliveries.outbox.accept(registration("e1"), subject="ada")
    while await states(store) != [("welcome", "dead")]:
        await deliveries.run_due()
        clock.advance(HOUR)
    assert receiver.attempts == 10
    assert 1.6 * 24 * HOUR < clock.now - started < 2.7 * 24 * HOUR


async def test_a_hook_has_its_own_number_of_attempts(store: Store) -> None:
    receiver, clock = Receiver(failure=RuntimeError("down")), Clock()
    deliveries = deliveries_of(store, receiver.hook(attempts=2), clock=clock)
    await deliveries.outbox.accept(registration("e1"), subject="ada")
    for _ in range(4):
        await deliveries.run_due()
        clock.advance(HOUR)
    assert receiver.attempts == 2
    assert await states(store) == [("welcome", "dead")]


async def test_a_hook_that_takes_too_long_is_tried_again(store: Store) -> None:
    entered: list[str] = []

    @post_user_registration(timeout=0.01)
    async def hang(event: PostUserRegistration) -> None:
        entered.append(event.id)
        await asyncio.Event().wait()

    clock = Clock()
    deliveries = deliveries_of(store, hang, clock=clock, policy=DeliveryPolicy(attempts=2))
    await deliveries.outbox.accept(registration("e1"), subject="ada")
    await deliveries.run_due()
    clock.advance(60.0)
    with capture_logs() as logs:
        await deliveries.run_due()
    assert entered == ["e1", "e1"]
    assert [entry["reason"] for entry in logs if entry["event"] == "delivery_dead"] == ["took longer than 0.01 s"]


async def test_a_hook_that_says_no_is_not_tried_again(store: Store) -> None:
    receiver, clock = Receiver(failure=Deny("access_denied", "Not this one.")), Clock()
    deliveries = deliveries_of(store, receiver.hook(), clock=clock)
    await deliveries.outbox.accept(registration("e1"), subject="ada")
    await deliveries.run_due()
    clock.advance(HOUR)
    await deliveries.run_due()
    assert (receiver.attempts, await states(store)) == (1, [("welcome", "dead")])


async def test_events_of_one_user_come_one_after_the_other_and_those_of_others_do_not_wait(store: Store) -> None:
    receiver, clock = Receiver(failure=RuntimeError("down")), Clock()
    deliveries = deliveries_of(store, receiver.hook(), clock=clock)
    for event_id, subject in (("a1", "ada"), ("a2", "ada"), ("g1", "grace"), ("a3", "ada")):
        await deliveries.outbox.accept(registration(event_id), subject=subject)
    assert await deliveries.run_due() == 2  # a1 and g1
    receiver.failure = None
    assert await deliveries.run_due() == 0  # a2 waits although it was never tried
    clock.advance(10.0)
    assert await deliveries.run_due() == 4
    assert [each for each in receiver.seen if each != "g1"] == ["a1", "a2", "a3"]


async def test_a_dead_event_keeps_later_ones_of_its_user_no_longer(store: Store) -> None:
    receiver, clock = Receiver(failure=RuntimeError("down")), Clock()
    deliveries = deliveries_of(store, receiver.hook(attempts=1), clock=clock)
    await deliveries.outbox.accept(registration("a1"), subject="ada")
    await deliveries.outbox.accept(registration("a2"), subject="ada")
    receiver.failure = Deny("access_denied", "never")
    await deliveries.run_due()
    assert await states(store) == [("welcome", "dead"), ("welcome", "dead")]


async def test_hooks_do_not_wait_for_each_other(store: Store) -> None:
    broken, working = Receiver("broken", failure=RuntimeError("down")), Receiver("working")
    deliveries = deliveries_of(store, broken.hook(), working.hook(), clock=Clock())
    for event_id in ("a1", "a2"):
        await deliveries.outbox.accept(registration(event_id), subject="ada")
    await deliveries.run_due()
    assert (working.seen, broken.attempts) == (["a1", "a2"], 1)


async def test_an_event_waits_for_the_outcome_of_an_earlier_call_of_its_user(store: Store) -> None:
    receiver = Receiver()
    deliveries = deliveries_of(store, receiver.hook(), clock=Clock())
    await deliveries.outbox.intend(registration("a1"), subject="ada", lookup={})
    await deliveries.outbox.accept(registration("a2"), subject="ada")
    await deliveries.outbox.intend(registration("a3"), subject="ada", lookup={})
    assert await deliveries.run_due() == 0
    await deliveries.outbox.settle(registration("a1"))
    await deliveries.run_due()
    assert receiver.seen == ["a1", "a2"]


async def test_the_deliveries_of_a_process_that_died_are_taken_over(store: Store) -> None:
    receiver, clock = Receiver(), Clock()
    entered = asyncio.Event()

    @post_user_registration(name="welcome", timeout=50.0)
    async def never(event: PostUserRegistration) -> None:
        entered.set()
        await asyncio.Event().wait()

    dying, living = deliveries_of(store, never, clock=clock), deliveries_of(store, receiver.hook(), clock=clock)
    await dying.outbox.accept(registration("e1"), subject="ada")
    run = asyncio.create_task(dying.run_due())
    await asyncio.wait_for(entered.wait(), 10.0)
    run.cancel()
    clock.advance(55.0)
    assert await living.run_due() == 0  # the lease is the hook's limit and ten seconds
    clock.advance(10.0)
    assert await living.run_due() == 1
    assert receiver.seen == ["e1"]


async def test_what_kills_its_process_each_time_ends_in_the_dead_letters(store: Store) -> None:
    clock = Clock()
    policy = DeliveryPolicy(attempts=2, timeout=1.0)
    for _ in range(3):
        entered = asyncio.Event()

        @post_user_registration(name="welcome")
        async def die(event: PostUserRegistration, entered: asyncio.Event = entered) -> None:
            entered.set()
            await asyncio.Event().wait()

        process = deliveries_of(store, die, clock=clock, policy=policy)
        if await states(store) == []:
            await process.outbox.accept(registration("e1"), subject="ada")
        run = asyncio.create_task(process.run_due())
        waiting = asyncio.create_task(entered.wait())
        await asyncio.wait({run, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=10.0)
        run.cancel()
        waiting.cancel()
        await asyncio.gather(run, waiting, return_exceptions=True)
        clock.advance(60.0)
    assert await states(store) == [("welcome", "dead")]


async def test_a_hook_that_was_late_does_not_undo_what_another_process_said(store: Store) -> None:
    clock, go, entered = Clock(), asyncio.Event(), asyncio.Event()

    @post_user_registration(name="welcome", timeout=20.0)
    async def late(event: PostUserRegistration) -> None:
        entered.set()
        await go.wait()
        raise RuntimeError("late")

    first, second = deliveries_of(store, late, clock=clock), deliveries_of(store, Receiver().hook(), clock=clock)
    await first.outbox.accept(registration("e1"), subject="ada")
    run = asyncio.create_task(first.run_due())
    await asyncio.wait_for(entered.wait(), 10.0)
    clock.advance(HOUR)
    assert await second.run_due() == 1
    go.set()
    await asyncio.wait_for(run, 10.0)
    assert await states(store) == [("welcome", "done")]


async def test_a_delivery_to_a_hook_that_is_not_configured_any_more_is_listed_in_the_end(store: Store) -> None:
    clock = Clock()
    before = deliveries_of(store, Receiver("old").hook(), clock=clock)
    await before.outbox.accept(registration("e1"), subject="ada")
    after = deliveries_of(store, Receiver("new").hook(), clock=clock, policy=DeliveryPolicy(attempts=1))
    with capture_logs() as logs:
        await after.run_due()
    assert await states(store) == [("old", "dead")]
    assert [entry["reason"] for entry in logs if entry["event"] == "delivery_dead"] == ["is not configured"]


async def test_several_workers_deliver_each_event_once_and_in_order(store: Store) -> None:
    clock = Clock()
    seen: list[str] = []
    running: set[str] = set()

    @post_user_registration(name="welcome")
    async def receive(event: PostUserRegistration) -> None:
        subject = event.id[0]
        assert subject not in running
        running.add(subject)
        await asyncio.sleep(0.002)
        running.remove(subject)
        seen.append(event.id)

    workers = [deliveries_of(store, receive, clock=clock, concurrency=3) for _ in range(3)]
    ids = [f"{subject}{number}" for number in range(6) for subject in "abcde"]
    for event_id in ids:
        await workers[0].outbox.accept(registration(event_id), subject=event_id[0])
    while len(seen) < len(ids):
        await asyncio.gather(*(worker.run_due() for worker in workers))
    assert sorted(seen) == sorted(ids)
    for subject in "abcde":
        mine = [each for each in seen if each[0] == subject]
        assert mine == sorted(mine)


@pytest.mark.parametrize(
    ("resolution", "state", "delivered"),
    [
        (Happened(event=registration("other", id="u7")), "settled", ["e1"]),
        (DidNotHappen(), "refused", []),
        (CannotTell(reason="nowhere to look"), "unknown", []),
    ],
    ids=["happened", "did-not-happen", "cannot-tell"],
)
async def test_an_intent_that_nobody_ended_is_looked_up(
    store: Store, resolution: Resolution, state: str, delivered: list[str]
) -> None:
    receiver, clock = Receiver(), Clock()
    asked: list[Intent] = []

    async def resolver(intent: Intent, /) -> Resolution:
        asked.append(intent)
        return resolution

    deliveries = deliveries_of(store, receiver.hook(), clock=clock, resolver=resolver)
    began = datetime.fromtimestamp(clock.now, UTC)
    await deliveries.outbox.intend(registration("e1"), subject="ada", lookup={"email": "ada@example.com"})
    clock.advance(69.0)
    await deliveries.run_due()
    assert asked == []  # the call may still be under way
    clock.advance(2.0)
    await deliveries.run_due()
    assert asked == [Intent(event=registration("e1"), lookup={"email": "ada@example.com"}, began=began)]
    assert (await event_states(store), receiver.seen) == ([state], delivered)
    await deliveries.outbox.settle(registration("e1"))  # whoever really knows comes last
    await deliveries.run_due()
    assert (await event_states(store), receiver.seen) == (["settled"], ["e1"])


async def test_a_look_up_that_fails_is_tried_again_and_ends_as_unknown(store: Store) -> None:
    receiver, clock = Receiver(), Clock()
    asked: list[str] = []

    async def resolver(intent: Intent, /) -> Resolution:
        asked.append(intent.event.id)
        raise ConnectionError

    deliveries = deliveries_of(store, receiver.hook(), clock=clock, resolver=resolver)
    await deliveries.outbox.intend(registration("e1"), subject="ada", lookup={})
    await deliveries.outbox.accept(registration("e2"), subject="ada")
    clock.advance(71.0)
    with capture_logs() as logs:
        for _ in range(12):
            await deliveries.run_due()
            clock.advance(600.0)
    assert len(asked) == 5
    assert (await event_states(store), receiver.seen) == (["unknown", "settled"], ["e2"])
    reasons = [entry["reason"] for entry in logs if entry["event"] == "outcome_unknown"]
    assert reasons == ["the look-up raised ConnectionError"]


async def test_a_look_up_that_hangs_is_ended(store: Store) -> None:
    clock = Clock()

    async def resolver(intent: Intent, /) -> Resolution:
        await asyncio.Event().wait()
        raise AssertionError

    policy = DeliveryPolicy(lookups=1, lookup_timeout=0.01)
    deliveries = deliveries_of(store, Receiver().hook(), clock=clock, resolver=resolver, policy=policy)
    await deliveries.outbox.intend(registration("e1"), subject="ada", lookup={})
    clock.advance(71.0)
    await deliveries.run_due()
    assert await event_states(store) == ["unknown"]


async def test_a_store_that_cannot_be_used_is_an_error_before_anything_happens() -> None:
    from hookpoint.proxy.store import StoreUnavailable, open_store

    url = "sqlite://"
    empty = await open_store(url)  # without the tables
    deliveries = deliveries_of(empty, Receiver().hook(), clock=Clock())
    with pytest.raises(StoreUnavailable):
        await deliveries.outbox.intend(registration("e1"), subject="ada", lookup={})
    await empty.aclose()
