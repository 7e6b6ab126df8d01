"""What is fuzzed keeps its promises for the seeds, and for what is near them; `make attack` goes on from there, led by coverage."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.security.fuzz.targets import TARGETS

EDITS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.binary(max_size=3)), max_size=4)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_keep_every_promise(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60)
@given(number=st.integers(0), edits=EDITS)
def test_what_is_near_the_seeds_keeps_every_promise(
    name: str, number: int, edits: list[tuple[int, int, bytes]]
) -> None:
    target = TARGETS[name]
    data = bytearray(target.seeds[number % len(target.seeds)])
    for at, length, put in edits:
        at = at % (len(data) + 1)
        data[at : at + length] = put
    target.run(bytes(data))
