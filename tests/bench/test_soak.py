"""Memory that grows, or is too much, is told."""

from __future__ import annotations

import pytest
from bench.soak import judge, main


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ([60e6, 80e6, *[90e6] * 8], None),
        ([60e6, 80e6, *[90e6] * 4, 101e6, *[90e6] * 3], "more than 100"),
        ([50e6 + step * 1e6 for step in range(10)], "grows"),
    ],
)
def test_memory_is_judged(taken: list[float], said: str | None) -> None:
    broken = judge(taken)
    assert (broken == []) if said is None else (len(broken) == 1 and said in broken[0])


def test_a_short_load_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--minutes", "0.05"]) in (0, 1)
    assert " answers " in capsys.readouterr().out
