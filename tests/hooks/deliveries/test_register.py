"""What operators see of the queue and do to it; what is kept, and for how long; what a copy of the database tells."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from hookpoint.hooks import Registry, hooks_of_functions
from hookpoint.hooks.deliveries import DeliveryPolicy, NoIntent, PayloadUnreadable, Sealer
from hookpoint.hooks.deliveries.observer import ObserveNothing
from hookpoint.hooks.deliveries.payload import Codec
from hookpoint.hooks.deliveries.register import DeliveryRegister
from hookpoint.hooks.deliveries.upkeep import Upkeep
from hookpoint.proxy.deliveries import EventSeal
from hookpoint.proxy.store import Store
from hookpoint.proxy.store.seal import TextSeal
from tests.hooks.deliveries.stage import Clock, Receiver, deliveries_of, registration

SECRET = "an old secret of many random characters"
DAY = 86400.0


def register_of(store: Store, receiver: Receiver, clock: Clock, sealer: Sealer | None = None) -> DeliveryRegister:
    return DeliveryRegister(store, Registry(hooks_of_functions([receiver.hook()])), codec=Codec(sealer), clock=clock)


def seal_of(secret: str, *old: str) -> EventSeal:
    return EventSeal(TextSeal(secret, old, use="events"))


async def test_everything_is_listed_with_its_state(store: Store) -> None:
    receiver, clock = Receiver(), Clock()
    deliveries = deliveries_of(store, receiver.hook(), clock=clock, policy=DeliveryPolicy(attempts=1))
    register = register_of(store, receiver, clock)
    await deliveries.outbox.intend(registration("lost"), subject="bob", lookup={})
    clock.advance(80.0)
    await deliveries.outbox.accept(registration("done"), subject="ada")
    await deliveries.run_due()
    receiver.failure = RuntimeError("down")
    await deliveries.outbox.accept(registration("dead"), subject="ada")
    await deliveries.run_due()
    await deliveries.outbox.accept(registration("waiting"), subject="ada")
    await deliveries.outbox.intend(registration("open"), subject="ada", lookup={})
    entries = await register.entries()
    assert [(each.event_id, each.hook, each.state, each.attempts) for each in entries] == [
        ("lost", "", "unknown", 1),
        ("done", "welcome", "done", 1),
        ("dead", "welcome", "dead", 1),
        ("waiting", "welcome", "waiting", 0),
        ("open", "", "open", 0),
    ]
    assert [each.event_id for each in await register.entries(states=["dead", "open"])] == ["dead", "open"]
    assert [each.event_id for each in await register.entries(hook="welcome", limit=1)] == ["done"]
    assert [each.error for each in await register.entries(event_id="dead")] == ["raised RuntimeError"]
    assert [each.due is None for each in entries] == [True, True, True, False, False]


async def test_the_dead_are_replayed_with_all_their_attempts(store: Store) -> None:
    receiver, clock = Receiver(failure=RuntimeError("down")), Clock()
    deliveries = deliveries_of(store, receiver.hook(), clock=clock, policy=DeliveryPolicy(attempts=2))
    register = register_of(store, receiver, clock)
    for event_id in ("a", "b"):
        await deliveries.outbox.accept(registration(event_id), subject=event_id)
    for _ in range(2):
        await deliveries.run_due()
        clock.advance(60.0)
    assert await register.replay(event_id="a", hook="another") == 0
    assert await register.replay(event_id="a") == 1
    await deliveries.run_due()
    receiver.failure = None
    clock.advance(60.0)
    assert await register.replay() == 1
    await deliveries.run_due()
    assert sorted(receiver.seen) == ["a", "b"]
    assert (await register.replay(), await register.replay(event_id="a")) == (0, 0)
    assert await register.replay(event_id="a", done=True) == 1
    await deliveries.run_due()
    assert sorted(receiver.seen) == ["a", "a", "b"]


@pytest.mark.parametrize("happened", [True, False])
async def test_an_operator_says_what_became_of_a_call(store: Store, happened: bool) -> None:
    receiver, clock = Receiver(), Clock()
    deliveries = deliveries_of(store, receiver.hook(), clock=clock)
    register = register_of(store, receiver, clock)
    await deliveries.outbox.intend(registration("e1"), subject="ada", lookup={})
    assert not await register.resolve("e1", happened=happened)  # it may still be under way
    clock.advance(80.0)
    await deliveries.run_due()
    assert await register.resolve("e1", happened=happened, user_id="u7")
    assert not await register.resolve("e1", happened=happened)
    await deliveries.run_due()
    assert receiver.seen == (["e1"] if happened else [])
    event = await register.event("e1")
    assert event is not None
    assert event.user.id == ("u7" if happened else "")
    with pytest.raises(NoIntent):
        await register.resolve("e2", happened=True)


async def test_what_is_finished_goes_in_time_and_what_is_not_stays(store: Store) -> None:
    receiver, clock = Receiver(), Clock()
    policy = DeliveryPolicy(attempts=1, keep_done=DAY, keep_dead=10 * DAY)
    deliveries = deliveries_of(store, receiver.hook(), clock=clock, policy=policy)
    register = register_of(store, receiver, clock)
    upkeep = Upkeep(store, policy=policy, observer=ObserveNothing(), clock=clock)

    async def left() -> list[str]:
        await upkeep.purge()
        return [each.event_id for each in await register.entries()]

    await deliveries.outbox.intend(registration("unknown"), subject="bob", lookup={})
    clock.advance(80.0)
    await deliveries.outbox.accept(registration("done"), subject="ada")
    await deliveries.run_due()
    receiver.failure = RuntimeError("down")
    await deliveries.outbox.accept(registration("dead"), subject="ada")
    await deliveries.run_due()
    await deliveries.outbox.accept(registration("waiting"), subject="ada")
    assert await left() == ["unknown", "done", "dead", "waiting"]
    assert not await deliveries.outbox.accept(registration("done"), subject="ada")
    clock.advance(DAY + 1)
    assert await left() == ["unknown", "dead", "waiting"]
    assert await register.event("done") is None
    clock.advance(9 * DAY)
    assert await left() == ["waiting"]
    clock.advance(900 * DAY)
    assert await left() == ["waiting"]


async def test_a_copy_of_the_database_tells_nothing_where_there_is_a_seal(store: Store) -> None:
    receiver, clock = Receiver(), Clock()
    sealer = seal_of(SECRET)
    deliveries = deliveries_of(store, receiver.hook(), clock=clock, sealer=sealer)
    await deliveries.outbox.intend(registration("e1"), subject="ada", lookup={"email": "ada@example.com"})
    await deliveries.outbox.accept(registration("e2"), subject="ada")
    async with store.read() as connection:
        rows = [str(row) for row in await connection.execute(text("SELECT * FROM hook_events"))]
    assert len(rows) == 2
    assert not [row for row in rows if "ada" in row or "example" in row]
    await deliveries.outbox.settle(registration("e1"))
    await deliveries.run_due()
    assert receiver.seen == ["e1", "e2"]


async def test_events_are_opened_with_the_secret_that_was_replaced(store: Store) -> None:
    receiver, clock = Receiver(), Clock()
    before = deliveries_of(store, receiver.hook(), clock=clock, sealer=seal_of(SECRET))
    await before.outbox.accept(registration("e1"), subject="ada")
    forgetful = register_of(store, receiver, clock, seal_of("a new secret of many random characters"))
    with pytest.raises(PayloadUnreadable, match=r"store\.seal_old"):
        await forgetful.event("e1")
    with pytest.raises(PayloadUnreadable, match=r"store\.seal"):
        await register_of(store, receiver, clock).event("e1")
    after = deliveries_of(
        store, receiver.hook(), clock=clock, sealer=seal_of("a new secret of many characters", SECRET)
    )
    await after.run_due()
    assert receiver.seen == ["e1"]


async def test_an_event_that_cannot_be_read_is_kept_and_listed(store: Store) -> None:
    receiver, clock = Receiver(), Clock()
    deliveries = deliveries_of(
        store, receiver.hook(), clock=clock, sealer=seal_of(SECRET), policy=DeliveryPolicy(attempts=1)
    )
    await deliveries.outbox.accept(registration("e1"), subject="ada")
    await deliveries.outbox.accept(registration("e2"), subject="bob")
    async with store.begin() as connection:  # one event in the place of another
        await connection.execute(
            text("UPDATE hook_events SET payload = (SELECT payload FROM hook_events WHERE id = 'e2') WHERE id = 'e1'")
        )
    await deliveries.run_due()
    entries = await register_of(store, receiver, clock, seal_of(SECRET)).entries(states=["dead"])
    assert [(each.event_id, each.error) for each in entries] == [("e1", "the event was changed since it was sealed")]
    assert receiver.seen == ["e2"]
