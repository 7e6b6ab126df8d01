from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookpoint.providers.message import Message
from hookpoint.providers.numbers import parse
from hookpoint.providers.routes import Route

GERMAN = Message(recipient="+4915123456789", text="t", purpose="mfa", client="web-1")


@pytest.mark.parametrize(
    ("route", "matches"),
    [
        (Route(providers=("a",)), True),
        (Route(providers=("a",), countries=frozenset({"DE", "AT"})), True),
        (Route(providers=("a",), countries=frozenset({"US"})), False),
        (Route(providers=("a",), prefixes=("+4915", "+4916")), True),
        (Route(providers=("a",), prefixes=("+4917",)), False),
        (Route(providers=("a",), purposes=frozenset({"mfa"})), True),
        (Route(providers=("a",), purposes=frozenset({"sign-up"})), False),
        (Route(providers=("a",), kinds=frozenset({"voice"})), False),
        (Route(providers=("a",), clients=("app", "web-*")), True),
        (Route(providers=("a",), clients=("WEB-*",)), False),
        (Route(providers=("a",), countries=frozenset({"DE"}), purposes=frozenset({"x"})), False),
    ],
)
def test_every_condition_must_hold(route: Route, matches: bool) -> None:
    assert route.matches(GERMAN, parse(GERMAN.recipient)) is matches


def test_no_client_is_no_client() -> None:
    nobody = replace(GERMAN, client=None)
    assert not Route(providers=("a",), clients=("web",)).matches(nobody, parse(nobody.recipient))


@pytest.mark.parametrize(("draw", "first"), [(0.0, "a"), (0.74, "a"), (0.75, "b"), (0.9999, "b")])
def test_weights_choose_the_first(draw: float, first: str) -> None:
    route = Route(providers=("a", "b", "c"), weights={"a": 3, "b": 1})
    order = route.order(lambda: draw)
    assert order[0] == first
    assert sorted(order) == ["a", "b", "c"]
    assert order[-1] == "c"


@given(st.lists(st.floats(0, 100), min_size=1, max_size=5).filter(lambda weights: sum(weights) > 1e-6))
def test_weights_are_kept_to(weights: list[float]) -> None:
    names = tuple(f"p{number}" for number in range(len(weights)))
    route = Route(providers=names, weights=dict(zip(names, weights, strict=True)))
    steps = 400
    firsts = Counter(route.order(lambda step=step: step / steps)[0] for step in range(steps))  # type: ignore[misc]
    for name, weight in route.weights.items():
        assert abs(firsts[name] / steps - weight / sum(weights)) <= 2 / steps


@pytest.mark.parametrize(
    ("providers", "weights"),
    [((), {}), (("a",), {"b": 1.0}), (("a",), {"a": 0.0}), (("a", "b"), {"a": -1.0, "b": 2.0})],
)
def test_routes_that_cannot_be(providers: tuple[str, ...], weights: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"provider|weights"):
        Route(providers=providers, weights=weights)
