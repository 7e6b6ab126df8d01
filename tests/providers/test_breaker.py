from __future__ import annotations

import pytest

from hookpoint.providers.breaker import Breaker, State
from hookpoint.providers.message import Status


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(threshold=2, cooldown=10.0, longest=30.0, sample=4, clock=clock, draw=lambda: 0.0)


def state(breaker: Breaker) -> State:
    """Asked anew each time, which a type checker does not expect of a property."""
    return breaker.state


def fail(breaker: Breaker) -> None:
    assert breaker.enter()
    breaker.fail()


def test_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker)
    assert state(breaker) is State.CLOSED
    fail(breaker)
    assert state(breaker) is State.OPEN
    assert not breaker.enter()


def test_a_success_between_forgives(breaker: Breaker) -> None:
    fail(breaker)
    breaker.succeed()
    fail(breaker)
    assert state(breaker) is State.CLOSED


def test_one_trial_after_the_cooldown(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    fail(breaker)
    clock.now += 10
    assert state(breaker) is State.HALF_OPEN
    assert breaker.enter()
    assert not breaker.enter()
    breaker.succeed()
    assert state(breaker) is State.CLOSED
    assert breaker.enter()
    assert breaker.enter()


def test_a_trial_that_says_nothing_frees_the_place(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    fail(breaker)
    clock.now += 10
    assert breaker.enter()
    breaker.leave()
    assert breaker.enter()


def test_failed_trials_double_the_cooldown_up_to_a_bound(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    fail(breaker)
    for length in (10, 20, 30, 30):
        clock.now += length - 0.1
        assert state(breaker) is State.OPEN
        clock.now += 0.1
        assert state(breaker) is State.HALF_OPEN
        fail(breaker)
    clock.now += 30
    assert breaker.enter()
    breaker.succeed()
    fail(breaker)
    fail(breaker)
    clock.now += 10
    assert state(breaker) is State.HALF_OPEN


def test_the_cooldown_is_spread(clock: Clock) -> None:
    breaker = Breaker(threshold=1, cooldown=10.0, clock=clock, draw=lambda: 0.8)
    fail(breaker)
    clock.now += 11.9
    assert state(breaker) is State.OPEN
    clock.now += 0.1
    assert state(breaker) is State.HALF_OPEN


def test_the_providers_own_wait_opens_at_once(breaker: Breaker, clock: Clock) -> None:
    assert breaker.enter()
    breaker.fail(wait=7)
    assert state(breaker) is State.OPEN
    clock.now += 7
    assert state(breaker) is State.HALF_OPEN


def test_an_endless_wait_is_bounded(breaker: Breaker, clock: Clock) -> None:
    breaker.fail(wait=1e9)
    clock.now += 30
    assert state(breaker) is State.HALF_OPEN


def test_undelivered_messages_open(breaker: Breaker) -> None:
    for status in (Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.FAILED):
        breaker.report(status)
    assert state(breaker) is State.CLOSED
    breaker.report(Status.EXPIRED)
    assert state(breaker) is State.OPEN
