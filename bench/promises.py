"""What hookpoint promises of its speed, held against the samples of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.rounds import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A bound on a figure of a peer: on its ratio to another peer, on its difference to one, or on the figure itself.

    `bound` is in the unit of the samples (seconds, bytes) unless it is a ratio; `least` where the figure must reach it, else it is the most.
    """

    title: str
    figure: str
    peer: str
    bound: float
    reference: str | None = None
    relation: Literal["ratio", "difference"] = "ratio"
    least: bool = False
    without: str | None = None
    """A figure of the peer that is taken off first."""

    def values(self, samples: Sequence[Sample]) -> list[float]:
        """The figure in each round, in relation to the reference; empty where one of the two was not measured."""
        own = self._of(samples, self.figure, self.peer)
        if self.without is not None:
            off = self._of(samples, self.without, self.peer)
            own = {number: value - off[number] for number, value in own.items() if number in off}
        if self.reference is None:
            return list(own.values())
        base = self._of(samples, self.figure, self.reference)
        pairs = [(own[number], base[number]) for number in own if number in base]
        return [mine / other if self.relation == "ratio" else mine - other for mine, other in pairs]

    @staticmethod
    def _of(samples: Sequence[Sample], figure: str, peer: str) -> dict[int, float]:
        return {each.round: each.value for each in samples if (each.figure, each.peer) == (figure, peer)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of a promise; `value` is None where it could not be measured."""

    promise: Promise
    value: float | None

    @property
    def kept(self) -> bool | None:
        """Whether the median over the rounds is within the bound."""
        if self.value is None:
            return None
        return self.value >= self.promise.bound if self.promise.least else self.value <= self.promise.bound


def _at_least(title: str, figure: str, peer: str, bound: float, reference: str) -> Promise:
    return Promise(title=title, figure=figure, peer=peer, bound=bound, reference=reference, least=True)


def _adds_at_most(title: str, figure: str, peer: str, bound: float, reference: str = "direct") -> Promise:
    return Promise(title=title, figure=figure, peer=peer, bound=bound, reference=reference, relation="difference")


PROMISES = (
    _at_least("re-issues RS256 as fast as Fastify + jose", "token.rate", "resign RS256", 1.0, "Fastify + jose"),
    _at_least("re-issues RS256 at 0.9 of nginx + Lua", "token.rate", "resign RS256", 0.9, "nginx + Lua"),
    _at_least("re-issues as ES256 at 1.5 of nginx + Lua's RS256", "token.rate", "resign ES256", 1.5, "nginx + Lua"),
    _at_least("keeps originals at 0.8 of the rate without", "token.rate", "hookpoint", 0.8, "resign RS256"),
    _at_least("passes requests at 0.3 of plain nginx", "small.rate", "hookpoint", 0.3, "nginx"),
    _at_least("passes requests at twice asgiproxy", "small.rate", "hookpoint", 2.0, "asgiproxy"),
    _adds_at_most("adds at most 1 ms to a passed request, p50", "small.p50", "hookpoint", 1e-3),
    _adds_at_most("adds at most 5 ms to a passed request, p99", "small.p99", "hookpoint", 5e-3),
    _adds_at_most("adds at most 1 ms to a token request, p50", "token.p50", "resign RS256", 1e-3),
    _adds_at_most("adds at most 5 ms to a token request, p99", "token.p99", "resign RS256", 5e-3),
    _adds_at_most("an HTTP hook adds at most 1.5 ms, p50", "token.alone", "HTTP hook", 1.5e-3, "hookpoint"),
    _adds_at_most("a hook in Node.js adds at most 0.5 ms, p50", "token.alone", "hook in Node.js", 0.5e-3, "hookpoint"),
    _adds_at_most(
        "storing what is due after a sign-up adds at most 2 ms, p50",
        "sign-up.p50",
        "hooks before and after",
        2e-3,
        "hook before",
    ),
    replace(
        _adds_at_most(
            "of that without the disk's two commits, p50", "sign-up.p50", "hooks before and after", 2e-3, "hook before"
        ),
        without="sign-up.disk",
    ),
    Promise(title="gives a script up within 100 ms of its deadline", figure="late", peer="hook in Node.js", bound=0.1),
    Promise(title="takes at most 100 MB a worker", figure="loaded", peer="hookpoint", bound=100e6),
)


def judge(samples: Sequence[Sample]) -> list[Verdict]:
    """Hold every promise against the samples."""
    verdicts = []
    for promise in PROMISES:
        values = promise.values(samples)
        verdicts.append(Verdict(promise=promise, value=median(values) if values else None))
    return verdicts


def shown(verdict: Verdict) -> tuple[str, str, str]:
    """The promise, its bound and what was measured, as text."""
    promise = verdict.promise
    sign = "≥" if promise.least else "≤"
    if promise.reference is not None and promise.relation == "ratio":
        unit, factor, digits = "x", 1.0, 2
    elif promise.figure in ("idle", "loaded"):
        unit, factor, digits = " MB", 1e-6, 0
    else:
        unit, factor, digits = " ms", 1e3, 2
    measured = "not measured" if verdict.value is None else f"{verdict.value * factor:.{digits}f}{unit}"
    return promise.title, f"{sign} {promise.bound * factor:.{digits}f}{unit}", measured
