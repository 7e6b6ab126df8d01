"""Charts of the sweeps as Mermaid text, which the page's readers see as pictures and which differ line by line."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from bench.peers.hookpoint import HOOK_COUNTS
from bench.works import BODY_SIZES, CONNECTIONS, DELAYS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.rounds import Sample

_PEERS = ("direct", "nginx", "hookpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart: `points` are labels of the x axis with the figure and peer of each line there."""

    title: str
    axis: str
    unit: str
    factor: float
    points: Sequence[tuple[str, Sequence[tuple[str, str]]]]

    def render(self, samples: Sequence[Sample]) -> str | None:
        """Mermaid text; None when something of it was not measured."""
        lines: list[list[float]] = [[] for _ in self.points[0][1]]
        for _, cells in self.points:
            for line, (figure, peer) in zip(lines, cells, strict=True):
                values = [each.value for each in samples if (each.figure, each.peer) == (figure, peer)]
                if not values:
                    return None
                line.append(median(values) * self.factor)
        labels = ", ".join(f'"{label}"' for label, _ in self.points)
        drawn = [f"    line [{', '.join(f'{value:.4g}' for value in line)}]" for line in lines]
        head = [f'    title "{self.title}"', f'    x-axis "{self.axis}" [{labels}]', f'    y-axis "{self.unit}"']
        return "\n".join(["```mermaid", "xychart-beta", *head, *drawn, "```"])


def _passing(name: str) -> list[tuple[str, str]]:
    return [(name, peer) for peer in _PEERS]


_HOOKS = sorted({*HOOK_COUNTS, 1})
CHARTS = (
    Chart(
        title="Token requests a second by the number of Python hooks",
        axis="hooks",
        unit="requests a second",
        factor=1.0,
        points=[(str(n), [("token.rate", "hookpoint" if n == 1 else f"{n} hooks")]) for n in _HOOKS],
    ),
    Chart(
        title="Passed requests a second by body size (direct, nginx, hookpoint)",
        axis="bytes",
        unit="requests a second",
        factor=1.0,
        points=[(f"{size:,}", _passing(f"body-{size}.rate")) for size in BODY_SIZES],
    ),
    Chart(
        title="Passed requests a second by connections (direct, nginx, hookpoint)",
        axis="connections",
        unit="requests a second",
        factor=1.0,
        points=[(f"{count:,}", _passing(f"connections-{count}.rate")) for count in CONNECTIONS],
    ),
    Chart(
        title="p50 of passed requests by the time the server behind takes (direct, nginx, hookpoint)",
        axis="ms in the server behind",
        unit="ms",
        factor=1e3,
        points=[(str(delay), _passing(f"delay-{delay}.p50")) for delay in DELAYS],
    ),
)
