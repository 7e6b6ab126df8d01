"""From samples to one table: a row for each figure, a column for each peer, ratios with their spread over the rounds."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

from bench.works import BODIES, CROWDS, DELAYED, LARGE, SIGN_UP, SMALL, TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.rounds import Sample

Relation = Literal["ratio", "difference", "alone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """How a figure is shown: its unit, the factor to it, and the peers it is compared with, the first that is there."""

    name: str
    title: str
    unit: str
    factor: float = 1.0
    digits: int = 0
    relation: Relation = "alone"
    references: tuple[str, ...] = ("direct",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A peer's median, and its median relation to the reference with the lowest and highest of all rounds."""

    value: float
    relation: float | None
    low: float
    high: float
    limited: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure over all peers that have it; `rate` is that at which a latency was measured."""

    figure: Figure
    rate: float | None
    reference: str | None
    cells: Mapping[str, Cell]


_PROXIES = ("nginx", "direct")
_RESIGNERS = ("Fastify + jose", "direct")


def _work(name: str, title: str, references: tuple[str, ...], factor: float, unit: str) -> tuple[Figure, ...]:
    return (
        Figure(name=f"{name}.rate", title=title, unit="/s", relation="ratio", references=references),
        Figure(
            name=f"{name}.cpu",
            title=f"{title}: CPU a request",
            unit=unit,
            factor=factor,
            relation="ratio",
            references=references,
        ),
    )


def _latency(name: str, title: str) -> tuple[Figure, ...]:
    return tuple(
        Figure(name=f"{name}.{each}", title=f"{title}: {each}", unit="ms", factor=1e3, digits=2, relation="difference")
        for each in ("p50", "p99")
    )


def _alone(name: str, title: str, references: tuple[str, ...]) -> Figure:
    return Figure(
        name=f"{name}.alone",
        title=title,
        unit="ms",
        factor=1e3,
        digits=2,
        relation="difference",
        references=references,
    )


FIGURES = (
    *_work("small", SMALL.title, _PROXIES, 1e6, "µs"),
    *_work("large", LARGE.title, _PROXIES, 1e6, "µs"),
    *_work("token", TOKEN.title, _RESIGNERS, 1e6, "µs"),
    *_work("sign-up", SIGN_UP.title, ("hook before", "direct"), 1e6, "µs"),
    *_latency("small", "JSON POST at {rate:g}/s"),
    *_latency("token", "token request at {rate:g}/s"),
    *_latency("sign-up", "sign-up at {rate:g}/s"),
    Figure(name="sign-up.disk", title="two commits of SQLite by themselves: p50", unit="ms", factor=1e3, digits=2),
    _alone("token", "token request, one at a time: p50", ("hookpoint", "direct")),
    _alone("sign-up", "sign-up, one at a time: p50", ("hook before", "direct")),
    Figure(name="late", title="scripts given up, past their deadline: latest", unit="ms", factor=1e3, digits=1),
    Figure(name="start", title="start to ready", unit="ms", factor=1e3),
    Figure(name="idle", title="memory, idle", unit="MB", factor=1e-6),
    Figure(name="loaded", title="memory, after the load", unit="MB", factor=1e-6),
)


def _rate(name: str, title: str, references: tuple[str, ...]) -> Figure:
    return Figure(name=f"{name}.rate", title=title, unit="/s", relation="ratio", references=references)


SWEEP_FIGURES = (
    _rate("token", "token request, by hooks and workers", ("hookpoint",)),
    *(_rate(work.name, work.title, _PROXIES) for work in BODIES),
    *(_rate(work.name, f"JSON POST over {work.title}", _PROXIES) for work in CROWDS),
    *(figure for work in DELAYED for figure in _latency(work.name, f"{{rate:g}}/s, {work.title}")),
)


def tabulate(samples: Sequence[Sample], peers: Sequence[str], figures: Sequence[Figure] = FIGURES) -> list[Row]:
    """Compare within each round, then take the median over the rounds."""
    return [row for figure in figures if (row := _row(figure, samples, peers)) is not None]


def _row(figure: Figure, samples: Sequence[Sample], peers: Sequence[str]) -> Row | None:
    found = {peer: [each for each in samples if (each.figure, each.peer) == (figure.name, peer)] for peer in peers}
    found = {peer: each for peer, each in found.items() if each}
    if not found:
        return None
    related = figure.relation != "alone"
    reference = next((each for each in figure.references if each in found), None) if related else None
    base = {each.round: each.value for each in found[reference]} if reference else {}
    offered = f"{figure.name.rpartition('.')[0]}.offered"
    return Row(
        figure=figure,
        rate=next((each.value for each in samples if each.figure == offered), None),
        reference=reference,
        cells={peer: _cell(figure, each, base, is_reference=peer == reference) for peer, each in found.items()},
    )


def _cell(figure: Figure, samples: Sequence[Sample], base: Mapping[int, float], *, is_reference: bool) -> Cell:
    value = median(each.value for each in samples)
    limited = any(each.limited for each in samples)
    if not base or is_reference:
        values = [each.value for each in samples]
        return Cell(value=value, relation=None, low=min(values), high=max(values), limited=limited)
    if figure.relation == "ratio":
        relations = [each.value / base[each.round] for each in samples]
    else:
        relations = [each.value - base[each.round] for each in samples]
    return Cell(value=value, relation=median(relations), low=min(relations), high=max(relations), limited=limited)


def render_cell(figure: Figure, cell: Cell | None) -> tuple[str, str]:
    """The two parts of a cell: the relation with its spread, and the value."""
    if cell is None:
        return "", ""

    def shown(value: float, *, sign: str = "") -> str:
        return f"{value * figure.factor:{sign},.{figure.digits}f}"

    value = f"{'≥ ' if cell.limited else ''}{shown(cell.value)} {figure.unit}"
    spread = "" if cell.low == cell.high else f"{shown(cell.low)} to {shown(cell.high)}"
    if cell.relation is None:
        return value, spread
    if figure.relation == "ratio":
        spread = spread and f" ({cell.low:.2f} to {cell.high:.2f})"
        return f"{cell.relation:.2f}x{spread}", value
    return f"{shown(cell.relation, sign='+')}{spread and f' ({spread})'}", value
