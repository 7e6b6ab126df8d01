"""Figures are compared within a round."""

from __future__ import annotations

import pytest
from bench.rounds import Sample
from bench.table import tabulate


def _samples(figure: str, **values: tuple[float, ...]) -> list[Sample]:
    return [
        Sample(figure=figure, peer=peer, round=number, value=value)
        for peer, rounds in values.items()
        for number, value in enumerate(rounds)
    ]


def test_ratios_are_taken_round_by_round() -> None:
    # The machine was half as fast in the second round: the ratios do not show it.
    samples = _samples("small.rate", nginx=(1000.0, 500.0, 1000.0), hookpoint=(300.0, 150.0, 400.0))
    (row,) = tabulate(samples, ["nginx", "hookpoint"])
    assert row.reference == "nginx"
    assert row.cells["hookpoint"].relation == pytest.approx(0.3)
    assert (row.cells["hookpoint"].low, row.cells["hookpoint"].high) == pytest.approx((0.3, 0.4))


def test_latencies_are_differences_to_no_proxy_at_all() -> None:
    samples = _samples("small.p50", direct=(0.001, 0.002), hookpoint=(0.0015, 0.0025))
    (row,) = tabulate(samples, ["direct", "hookpoint"])
    assert row.cells["hookpoint"].relation == pytest.approx(0.0005)


def test_without_the_first_reference_the_next_one_is_taken() -> None:
    (row,) = tabulate(_samples("token.rate", direct=(100.0,), hookpoint=(10.0,)), ["direct", "hookpoint"])
    assert row.reference == "direct"
    assert row.cells["hookpoint"].relation == pytest.approx(0.1)
