"""The states of keys, as a matter of times."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hookpoint.proxy.tokens.key_schedule import (
    LEEWAY,
    MEMORY,
    REFRESH,
    RETENTION,
    STALE,
    KeyPolicy,
    KeyTimes,
    first_active_at,
    pending_active_at,
    phases,
    removed,
    rotation_at,
)

DAY = 86400.0
POLICY = KeyPolicy(publish_delay=900, rotation=90 * DAY)
START = 1_800_000_000


def key(kid: str, active_at: float, *, algorithm: str = "ES256", last_exp: int = 0) -> KeyTimes:
    return KeyTimes(
        kid=kid, algorithm=algorithm, created_at=int(active_at) - 930, active_at=int(active_at), last_exp=last_exp
    )


TWO = (key("a", START), key("b", START + 90 * DAY))
GONE = START + 90 * DAY + RETENTION + LEEWAY


@pytest.mark.parametrize(
    ("now", "states"),
    [
        (START - 10, ("active", "pending")),
        (START + 90 * DAY - 1, ("active", "pending")),
        (START + 90 * DAY, ("retired", "active")),
        (GONE - 1, ("retired", "active")),
        (GONE, ("removed", "active")),
    ],
)
def test_a_key_passes_through_its_states_by_time_alone(now: float, states: tuple[str, str]) -> None:
    found = phases(TWO, now)
    assert (found["a"].state, found["b"].state) == states


def test_a_phase_says_since_when_and_until_when() -> None:
    found = phases(TWO, START + DAY)
    assert (found["a"].since, found["a"].until) == (START, START + 90 * DAY)
    assert (found["b"].since, found["b"].until) == (START + 90 * DAY - 930, START + 90 * DAY)


def test_a_key_stays_published_for_the_longest_living_token() -> None:
    exp = START + 400 * int(DAY)
    found = phases([replace(TWO[0], last_exp=exp), TWO[1]], GONE)
    assert (found["a"].state, found["a"].until) == ("retired", exp + LEEWAY)


def test_algorithms_do_not_touch_each_other() -> None:
    found = phases([*TWO, key("r", START + 50 * DAY, algorithm="RS256")], START)
    assert {kid: phase.state for kid, phase in found.items()} == {"a": "active", "b": "pending", "r": "active"}


def test_the_first_key_signs_at_once_and_the_next_when_everybody_knows_it() -> None:
    assert first_active_at([], START + 0.9) == START
    assert pending_active_at([], START + 0.9, POLICY) == START
    assert first_active_at([TWO[0]], START) is None
    assert pending_active_at([TWO[0]], START + 0.5, POLICY) == START + 900 + REFRESH + 1


@pytest.mark.parametrize(
    ("now", "due"),
    [(START, False), (START + 90 * DAY - 931, False), (START + 90 * DAY - 930, True), (START + 400 * DAY, True)],
)
def test_a_successor_is_due_early_enough_to_be_known_in_time(now: float, due: bool) -> None:
    assert (rotation_at([TWO[0]], now, POLICY) is not None) is due
    assert rotation_at([TWO[0]], now, KeyPolicy(rotation=0)) is None


def test_there_is_one_successor_at_a_time() -> None:
    assert rotation_at(TWO, START + 90 * DAY - 100, POLICY) is None
    assert rotation_at([], START, POLICY) is None


def test_removed_keys_are_forgotten_later() -> None:
    assert removed(TWO, GONE) == {"a"}
    assert removed(TWO, GONE + MEMORY - 1, age=MEMORY) == frozenset()
    assert removed(TWO, GONE + MEMORY, age=MEMORY) == {"a"}


times = st.integers(min_value=START, max_value=START + 400 * int(DAY))
key_sets = st.lists(st.tuples(times, st.sampled_from(["ES256", "RS256"]), times), min_size=1, max_size=8).map(
    lambda rows: [key(str(at), when, algorithm=alg, last_exp=exp) for at, (when, alg, exp) in enumerate(rows)]
)


@given(key_sets, times)
def test_every_algorithm_has_one_active_key_at_any_time(keys: list[KeyTimes], now: int) -> None:
    found = phases(keys, now)
    for algorithm in {each.algorithm for each in keys}:
        states = [found[each.kid].state for each in keys if each.algorithm == algorithm]
        assert states.count("active") == 1
    assert all(phase.until is None or phase.until > now for phase in found.values() if phase.state != "removed")


@given(key_sets, times, times)
def test_states_only_go_forward(keys: list[KeyTimes], one: int, other: int) -> None:
    order = ("pending", "active", "retired", "removed")
    before, after = phases(keys, min(one, other)), phases(keys, max(one, other))
    assert all(order.index(before[each.kid].state) <= order.index(after[each.kid].state) for each in keys)


class Replicas(RuleBasedStateMachine):
    """Two processes that share a table, each of which knows it as it was when it looked last."""

    def __init__(self) -> None:
        super().__init__()
        self.now = float(START)
        self.table: list[KeyTimes] = []
        self.known: list[tuple[float, list[KeyTimes]]] = [(self.now, []), (self.now, [])]
        self.unstored: list[dict[str, int]] = [{}, {}]
        self.tokens: list[tuple[str, float]] = []

    @initialize()
    def first_key(self) -> None:
        at = first_active_at(self.table, self.now)
        assert at is not None
        self.table.append(KeyTimes(kid="0", algorithm="ES256", created_at=int(self.now), active_at=at))
        self.look(0)
        self.look(1)

    @rule(seconds=st.sampled_from([1.0, 20.0, 600.0, 931.0, DAY / 2, 89 * DAY]))
    def time_passes(self, seconds: float) -> None:
        # A process that cannot look for longer than STALE stops, so that all have looked within it.
        while seconds > 0:
            step = min(seconds, STALE / 2)
            self.now, seconds = self.now + step, seconds - step
            for place, (looked, _) in enumerate(self.known):
                if self.now - looked >= STALE / 2:
                    self.look(place)

    @rule(place=st.sampled_from([0, 1]))
    def look(self, place: int) -> None:
        """What a process does every half a minute."""
        noted = self.unstored[place]
        self.table = [replace(each, last_exp=max(each.last_exp, noted.get(each.kid, 0))) for each in self.table]
        due = rotation_at(self.table, self.now, POLICY)
        if due is not None:
            kid = str(int(max(self.table, key=lambda each: int(each.kid)).kid) + 1)
            self.table.append(KeyTimes(kid=kid, algorithm="ES256", created_at=int(self.now), active_at=due))
        gone = removed(self.table, self.now)
        self.table = [each for each in self.table if each.kid not in gone]
        self.known[place] = (self.now, list(self.table))

    @rule(place=st.sampled_from([0, 1]))
    def an_operator_rotates(self, place: int) -> None:
        if all(phase.state != "pending" for phase in phases(self.table, self.now).values()):
            kid = str(int(max(self.table, key=lambda each: int(each.kid)).kid) + 1)
            at = pending_active_at(self.table, self.now, POLICY)
            self.table.append(KeyTimes(kid=kid, algorithm="ES256", created_at=int(self.now), active_at=at))

    @precondition(lambda self: len(self.tokens) < 50)
    @rule(place=st.sampled_from([0, 1]), life=st.sampled_from([60.0, 3600.0, DAY, 60 * DAY]))
    def a_token_is_signed(self, place: int, life: float) -> None:
        looked, keys = self.known[place]
        if self.now - looked > REFRESH:
            self.look(place)
            keys = self.known[place][1]
        (signing,) = [each for each in keys if phases(keys, self.now)[each.kid].state == "active"]
        oldest = min(self.table, key=lambda each: each.active_at)
        assert signing.kid == oldest.kid or signing.created_at + POLICY.publish_delay <= self.now
        exp = self.now + life
        self.unstored[place][signing.kid] = max(self.unstored[place].get(signing.kid, 0), math.ceil(exp))
        self.tokens.append((signing.kid, exp))

    @invariant()
    def every_living_token_verifies_with_what_is_published(self) -> None:
        published = {kid for kid, phase in phases(self.table, self.now).items() if phase.state != "removed"}
        assert {kid for kid, exp in self.tokens if exp > self.now} <= published
        for looked, keys in self.known:
            if keys and self.now - looked <= POLICY.publish_delay:
                served = {kid for kid, phase in phases(keys, self.now).items() if phase.state != "removed"}
                assert {kid for kid, exp in self.tokens if exp > self.now} <= served


test_replicas_that_know_of_each_other_late = Replicas.TestCase
