"""JSON values: deeply read-only, and the same bytes that json.dumps writes."""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.hooks import FrozenDict
from hookpoint.hooks.json import MAX_DEPTH, MAX_VALUES, NotJsonError, copy_members, copy_text, freeze

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=20,
)


class Plan(StrEnum):
    GOLD = "gold"


class Level(IntEnum):
    HIGH = 3


class Mixed(str, Enum):  # noqa: UP042 - what older code has
    ONE = "one"


class Liar(str):
    """Says that it is no other text, whatever it is compared with."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return 0

    def __str__(self) -> str:
        return "innocent"


class Endless(Sequence[int]):
    def __getitem__(self, index: Any) -> Any:
        return index

    def __len__(self) -> int:
        return 0


class EndlessMapping(Mapping[str, int]):
    def __getitem__(self, name: str) -> int:
        return 0

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield str(number)


class Changing(Mapping[str, object]):
    """Holds something else each time it is read."""

    def __init__(self, *readings: dict[str, object]) -> None:
        self.readings = list(readings)

    def __getitem__(self, name: str) -> object:
        return self.readings[0][name]

    def __len__(self) -> int:
        return len(self.readings[0])

    def __iter__(self) -> Iterator[str]:
        return iter(self.readings[0])

    def items(self) -> Any:
        return self.readings.pop(0).items()


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def shared(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value, value]
    return value


def endless_list() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def writable(value: object) -> bool:
    try:
        json.dumps({"v": value}, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, TypeError):
        return False
    return True


@given(VALUES)
def test_what_json_can_hold_is_copied_and_written_alike(value: Any) -> None:
    if writable(value):
        frozen = copy_members({"v": value})
        assert json.dumps(frozen) == json.dumps({"v": value})
        assert freeze(frozen) is frozen
        assert copy_members(frozen) == frozen
    else:
        with pytest.raises(NotJsonError):
            copy_members({"v": value})


@given(VALUES)
def test_a_copy_shares_nothing_that_can_change(value: Any) -> None:
    if writable(value):
        assert_frozen(freeze({"v": value}))
        assert_frozen(FrozenDict(v=value))


def assert_frozen(value: object) -> None:
    assert type(value) in (type(None), bool, int, float, str, tuple, FrozenDict)
    if isinstance(value, FrozenDict):
        for name, member in value.items():
            assert type(name) is str
            assert_frozen(member)
    if isinstance(value, tuple):
        for item in value:
            assert_frozen(item)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Plan.GOLD, "gold"),
        (Mixed.ONE, "one"),
        (Level.HIGH, 3),
        (Liar("iss"), "iss"),
        ({Liar("iss"): 1}, {"iss": 1}),
        (UserDict(a=[1]), {"a": (1,)}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (ChainMap({"a": 1}, {"b": 2}), {"b": 2, "a": 1}),
        (UserList([1, 2]), (1, 2)),
        (deque([1, 2]), (1, 2)),
        (range(3), (0, 1, 2)),
        (-(10**400) + 1, -(10**400) + 1),
        (nested(MAX_DEPTH)[0], None),
    ],
    ids=str,
)
def test_subclasses_become_plain(value: object, plain: object) -> None:
    copied = copy_members({"v": value})["v"]
    assert_frozen(copied)
    if plain is not None:
        assert copied == plain


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.nan, "not finite"),
        ([1, -math.inf], "not finite"),
        ("\ud800", "lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        ({1: 1}, "a name that is not text"),
        ({None: 1}, "a name that is not text"),
        (b"bytes", "a value of type bytes"),
        (bytearray(b"b"), "a value of type bytearray"),
        (memoryview(b"b"), "a value of type memoryview"),
        ({1, 2}, "a value of type set"),
        (iter([1]), "a value of type list_iterator"),
        (datetime.now(UTC), "a value of type datetime"),
        (object(), "a value of type object"),
        (1j, "a value of type complex"),
        (10**400, "more than 400 digits"),
        (-(10**400), "more than 400 digits"),
        (nested(MAX_DEPTH + 1), "nested deeper than 31 levels"),
        (endless_list(), "nested deeper than 31 levels"),
        (shared(30), "more than 10000 values"),
        ([0] * MAX_VALUES, "more than 10000 values"),
        (Endless(), "more than 10000 values"),
        (EndlessMapping(), "more than 10000 values"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_json_cannot_hold_is_refused_and_not_for_ever(value: object, reason: str) -> None:
    with pytest.raises(NotJsonError, match=reason):
        copy_members({"v": value})


def test_the_deepest_and_largest_are_just_within_bounds() -> None:
    assert copy_members({"v": nested(MAX_DEPTH)})
    assert len(copy_members({str(number): number for number in range(MAX_VALUES)})) == MAX_VALUES


def test_a_mapping_is_read_once() -> None:
    changing = Changing({"a": 1}, {"a": 2, "iss": "evil"})
    assert copy_members(changing) == {"a": 1}
    assert len(changing.readings) == 1


def test_a_large_object_of_our_own_may_be_frozen() -> None:
    assert len(freeze({str(number): number for number in range(MAX_VALUES + 1)})) == MAX_VALUES + 1


def test_text_becomes_plain() -> None:
    assert type(copy_text(Liar("text"))) is str
    assert copy_text(Liar("text")) == "text"
    with pytest.raises(NotJsonError):
        copy_text("\ud800")


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.__setitem__("a", 1),
        lambda value: value.__delitem__("a"),
        lambda value: value.__ior__({"b": 1}),
        lambda value: value.clear(),
        lambda value: value.pop("a"),
        lambda value: value.pop("a", None),
        lambda value: value.popitem(),
        lambda value: value.setdefault("b", 1),
        lambda value: value.update(b=1),
    ],
)
def test_a_frozen_dictionary_refuses_every_change_and_says_what_to_do(change: Callable[[FrozenDict], object]) -> None:
    frozen = FrozenDict(a={"b": [1]})
    with pytest.raises(TypeError, match=r"return your changes from the hook, or copy with dict\(\.\.\.\)"):
        change(frozen)
    assert frozen == {"a": {"b": (1,)}}


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))],
    ids=["copy", "deep", "pickle"],
)
def test_a_frozen_dictionary_can_be_copied_and_pickled(duplicate: Callable[[FrozenDict], FrozenDict]) -> None:
    frozen = FrozenDict([("a", {"b": [1]})], c="d")
    twin = duplicate(frozen)
    assert type(twin) is FrozenDict
    assert twin == frozen
    assert_frozen(twin)


def test_a_copy_made_with_dict_can_be_changed() -> None:
    frozen = FrozenDict(a=1)
    changed = dict(frozen)
    changed["b"] = 2
    assert type(frozen | {"b": 2}) is dict
    assert frozen | {"b": 2} == changed
    assert frozen == {"a": 1}
